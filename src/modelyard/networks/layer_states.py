"""The states that a row has after each layer of a transformer, caught while it runs."""

from __future__ import annotations

from typing import Any

import torch

from modelyard.networks import blocks


def by_depth(ours: int, theirs: int) -> list[int]:
    """For each of our layers, the position of the one as deep among theirs; the last meets the last.

    Of 3 and 6 layers: 1, 3, 5.
    """
    return [max(0, round((layer + 1) * theirs / ours) - 1) for layer in range(ours)]


class LayerStates:
    """Catches what each layer gives at the first position, which a classifier of BERT's kin reads.

    Close it to let the network go.
    """

    def __init__(self, network: Any) -> None:
        self._caught: list[torch.Tensor] = []
        self._handles = [layer.register_forward_hook(self._catch) for layer in blocks.find(network)]

    def _catch(self, module: Any, inputs: Any, output: Any) -> None:
        self._caught.append((output[0] if isinstance(output, tuple) else output)[:, 0])

    def take(self) -> list[torch.Tensor]:
        """The states of the last run, one (rows, width) tensor a layer."""
        caught, self._caught = self._caught, []
        return caught

    def close(self) -> None:
        for handle in self._handles:
            handle.remove()
