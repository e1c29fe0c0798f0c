"""No work on positions that an answer does not depend on.

The classifiers of BERT and its kin read the first token's state of the last layer. What that layer does after its
attention it does for each position on its own, and of the queries only the first one's is read: all but keys and
values can be left out for the other positions, five sixths of the layer's arithmetic. Whether that holds is seen by
trying; knows no architecture. The cut is made of hooks: the weights stay as they are, and traced graphs contain it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

from modelyard.core.errors import InputError
from modelyard.networks import blocks

Depth = Literal["queries", "feed-forward"]
"""What the last layer does for the first position only: all but keys and values, or what follows its attention."""
DEPTHS: tuple[Depth, ...] = ("queries", "feed-forward")
TOLERANCE = 1e-4
"""Largest difference of a logit that is rounding, for logits of ordinary size."""

Undo = Callable[[], None]


def find(network: nn.Module, batches: Iterable[Mapping[str, Tensor]]) -> Depth | None:
    """The deepest cut that leaves the logits of all batches as they are; None where there is none, or no logits.

    Args:
        batches: inputs; among them rows of different length.
    """
    network.eval()
    with torch.inference_mode():
        whole = [(batch, network(**batch).get("logits")) for batch in batches]
        if any(logits is None for _, logits in whole):
            return None
        for depth in DEPTHS:
            try:
                undo = cut(network, depth)
            except InputError:
                continue
            try:
                if all(_same(network(**batch)["logits"], logits) for batch, logits in whole):
                    return depth
            except (RuntimeError, IndexError, ValueError):
                pass
            finally:
                undo()
    return None


def _same(found: Tensor, expected: Tensor) -> bool:
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=TOLERANCE, atol=TOLERANCE)


def cut(network: nn.Module, depth: Depth) -> Undo:
    """Let the last layer work on the first position alone; the function that is returned takes that back.

    Raises:
        InputError: the network has no layer of that build.
    """
    handles = _cut_queries(network) if depth == "queries" else _cut_feed_forward(network)

    def undo() -> None:
        for handle in handles:
            handle.remove()

    return undo


def _cut_feed_forward(network: nn.Module) -> list[Any]:
    attentions = [module for name, module in network.named_modules() if name.rpartition(".")[2] == "attention"]
    if not attentions:
        raise InputError("no module is called attention")
    return [attentions[-1].register_forward_hook(_first_of_output)]


def _cut_queries(network: nn.Module) -> list[Any]:
    block = blocks.find(network)[-1]
    products = blocks.linears(block, attention=True)
    queries = [
        layer for name, layer in block.named_modules() if name.rpartition(".")[2][:1] == "q" and layer in products
    ]
    if len(products) != 4 or len(queries) != 1 or products[3] is queries[0]:
        raise InputError("no plain attention")
    query, whole = queries[0], products[:3]
    handles = [
        layer.register_forward_pre_hook(_first_of_input)
        for layer in block.modules()
        if not list(layer.children()) and not any(layer is product for product in whole)
    ]
    positions: list[int] = []

    def first(module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        positions[:] = [inputs[0].shape[1]]
        return (inputs[0][:, :1], *inputs[1:])

    def repeat(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        # The attention wants a query for each position; repeating one costs nothing.
        return output.expand(-1, positions[0], -1)

    return [*handles, query.register_forward_pre_hook(first), query.register_forward_hook(repeat)]


def _first_of_input(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(item[:, :1] if isinstance(item, Tensor) and item.ndim == 3 else item for item in inputs)


def _first_of_output(module: nn.Module, inputs: Any, output: Any) -> Any:
    """The output of an attention block, (rows, positions, width), for the first position only."""
    if isinstance(output, tuple):
        return (output[0][:, :1], *output[1:])
    return output[:, :1]
