"""Single weights at zero: masks over matrix products and convolutions, kept while a network is trained.

The matrices keep their shape, so a CPU computes with the zeros as with any number: no time is saved.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor, nn

from modelyard.networks.resizing import Linear

MASK = "kept_weights"
"""Name of the buffer with a layer's mask. A checkpoint of the training holds it, the written model does not."""


def layers(network: nn.Module) -> list[Any]:
    """The layers whose weights may go: products and convolutions, no embeddings, norms and biases."""
    return [module for module in network.modules() if isinstance(module, Linear | nn.modules.conv._ConvNd)]


def share(network: nn.Module) -> float:
    """Share of those layers' weights that is zero."""
    weights = [layer.weight for layer in layers(network)]
    zeros = sum(int((weight == 0).sum()) for weight in weights)
    return zeros / max(1, sum(int(weight.numel()) for weight in weights))


class Masks:
    """Which weights of a network stay; call :meth:`take_away` when it is trained.

    Args:
        network: changed in place.
        scope: rank weights within each layer, or over the whole network.
    """

    def __init__(self, network: nn.Module, scope: Literal["layer", "network"]) -> None:
        self._layers, self._scope = layers(network), scope
        for layer in self._layers:
            layer.register_buffer(MASK, torch.ones_like(layer.weight, dtype=torch.bool), persistent=False)

    def thin(self, sparsity: float) -> None:
        """Mask the share ``sparsity`` of the weights, those nearest to zero, and set them to zero."""
        sizes = [layer.weight.detach().abs() for layer in self._layers]
        groups = [sizes] if self._scope == "network" else [[size] for size in sizes]
        limits = [limit for group in groups for limit in [_limit(group, sparsity)] * len(group)]
        for layer, size, limit in zip(self._layers, sizes, limits, strict=True):
            getattr(layer, MASK).copy_(size > limit)
        self.apply()

    def apply(self) -> None:
        """Set the masked weights to zero again."""
        with torch.no_grad():
            for layer in self._layers:
                layer.weight.mul_(getattr(layer, MASK))

    def take_away(self) -> None:
        """Leave the weights as they are and forget the masks."""
        for layer in self._layers:
            delattr(layer, MASK)


def _limit(sizes: list[Tensor], sparsity: float) -> float:
    """The largest size that is still cut."""
    pooled = torch.cat([size.flatten() for size in sizes])
    count = round(sparsity * len(pooled))
    return float(pooled.kthvalue(count).values) if count else -1.0
