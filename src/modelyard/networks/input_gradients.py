"""A network as a smooth function of one row: of its numbers, or of the embeddings of its tokens.

What is differentiated is a class's log-odds (its logit less the log of the sum of the others' exponentials), which
unlike a probability does not flatten where the model is sure, or the predicted number. Knows no task.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelyard.networks import blocks

NUMBERS_AT_ONCE = 1_000_000
"""Of the points that go through the network together."""


class RowFunction:
    """The score of one output as a function of a row.

    Args:
        network: gives ``logits`` or ``value``.
        arrays: the row as a batch of one; token numbers, or floats.
        output: the class; None for a value.
    """

    def __init__(self, network: nn.Module, arrays: Mapping[str, np.ndarray], output: int | None) -> None:
        self._network, self._output = network, output
        self._tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
        floats = [name for name, tensor in self._tensors.items() if tensor.is_floating_point()]
        self._name = floats[0] if floats else None
        self._embeddings: Any = nn.Identity() if floats else blocks.configured(network).get_input_embeddings()
        with torch.no_grad():
            start = self._embeddings(self._tensors[self._name or "input_ids"])
        self.inputs: np.ndarray = start[0].numpy().astype(np.float64)
        """The row as the numbers that are differentiated by: [tokens, width], [channels, height, width] or [codes]."""

    @property
    def has_tokens(self) -> bool:
        return self._name is None

    def padded(self, kept: np.ndarray) -> np.ndarray:
        """The embeddings with those of padding in the place of all tokens that are not kept (bool [tokens])."""
        number = getattr(blocks.configured(self._network).config, "pad_token_id", None) or 0
        with torch.no_grad():
            padding = self._embeddings(torch.tensor([number]))[0].numpy()
        return np.where(kept[:, None], self.inputs, padding.astype(np.float64))

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Scores float64 [n] and their gradients [n, ...] at points [n, ...]."""
        chunk = max(1, NUMBERS_AT_ONCE // self.inputs.size)
        parts = [self._differentiate(points[start : start + chunk]) for start in range(0, len(points), chunk)]
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _differentiate(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        given = torch.from_numpy(points.astype(np.float32)).requires_grad_()
        scores = self.score(given)
        (gradients,) = torch.autograd.grad(scores.sum(), given)
        return scores.detach().numpy().astype(np.float64), gradients.numpy().astype(np.float64)

    def score(self, given: Tensor) -> Tensor:
        """The output's score [n] at points that are tensors."""
        tensors = {name: tensor.expand(len(given), *tensor.shape[1:]) for name, tensor in self._tensors.items()}
        if self._name:
            return select(self._network(**{**tensors, self._name: given}), self._output)
        handle = self._embeddings.register_forward_hook(lambda *_: given)
        try:
            return select(self._network(**tensors), self._output)
        finally:
            handle.remove()


def select(outputs: Mapping[str, Tensor], output: int | None) -> Tensor:
    """Log-odds of a class, or the value, [n]."""
    if output is None:
        return outputs["value"][:, 0]
    logits = outputs["logits"]
    others = torch.cat([logits[:, :output], logits[:, output + 1 :]], dim=1)
    return logits[:, output] - torch.logsumexp(others, dim=1)


def watch(module: nn.Module, seen: Callable[[Tensor], None]) -> Any:
    """Have a module's output told, until the handle that is returned is removed."""

    def tell(_: nn.Module, __: Any, output: Any) -> None:
        tensor = output[0] if isinstance(output, tuple) else output
        if isinstance(tensor, Tensor):
            seen(tensor)

    return module.register_forward_hook(tell)
