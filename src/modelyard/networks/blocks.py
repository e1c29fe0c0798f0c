"""The layers of a transformer: found without knowing its architecture, left out, and skipped to try.

They are the one list of equal modules that is as long as the configuration says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from modelyard.core.errors import InputError
from modelyard.networks.resizing import Linear


def configured(network: nn.Module) -> Any:
    """The Hugging Face network inside ``network``: the outermost module with a configuration.

    Raises:
        InputError: there is none.
    """
    for module in network.modules():
        if hasattr(module, "config") and hasattr(module, "save_pretrained"):
            return module
    raise InputError(f"{type(network).__name__} has no Hugging Face configuration", expected="a transformer")


def find(network: nn.Module) -> nn.ModuleList:
    """The layers in their order.

    Raises:
        InputError: no list of equal modules is as long as ``config.num_hidden_layers``, or several are.
    """
    count = getattr(configured(network).config, "num_hidden_layers", None)
    lists = [
        module
        for module in network.modules()
        if isinstance(module, nn.ModuleList) and len(module) == count and len({type(block) for block in module}) == 1
    ]
    if len(lists) != 1:
        raise InputError(
            f"{type(configured(network)).__name__} has {len(lists)} lists of {count} equal layers",
            expected="one: an encoder or a decoder, such as BERT or Llama",
        )
    return lists[0]


def keep(network: nn.Module, kept: Sequence[int]) -> None:
    """Leave out all other layers, in the network and in its configuration."""
    blocks, config = find(network), configured(network).config
    count = len(blocks)
    chosen = [blocks[position] for position in kept]
    del blocks[:]
    blocks.extend(chosen)
    for number, block in enumerate(blocks):
        for module in block.modules():
            if isinstance(getattr(module, "layer_idx", None), int):
                # A decoder finds its keys and values in the cache by this number.
                module.layer_idx = number  # type: ignore[assignment]
    config.num_hidden_layers = len(kept)
    for name, value in config.to_dict().items():
        # One entry a layer, such as ``layer_types``.
        if "layer" in name and isinstance(value, list) and len(value) == count:
            setattr(config, name, [value[position] for position in kept])


@contextmanager
def skipped(block: nn.Module) -> Iterator[None]:
    """Let a layer hand on its input as long as the context lasts."""

    def give_back(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
        return (inputs[0], *output[1:]) if isinstance(output, tuple) else inputs[0]

    handle = block.register_forward_hook(give_back)
    try:
        yield
    finally:
        handle.remove()


def output_tensor(output: Any) -> Tensor:
    """The hidden states among what a layer returns."""
    states: Tensor = output[0] if isinstance(output, tuple) else output
    return states


def linears(block: nn.Module, *, attention: bool) -> list[Linear]:
    """The matrix products of a layer in their order: those of its attention, or the others."""
    return [
        module
        for name, module in block.named_modules()
        if isinstance(module, Linear) and ("att" in name.lower()) == attention
    ]
