"""The image that a channel responds to most, made by climbing its gradient.

Erhan, Bengio, Courville and Vincent, "Visualizing higher-layer features of a deep network", 2009; steps on a shifting
picture after Olah, Mordvintsev and Schubert, "Feature visualization", 2017, which keeps single pixels from being all.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from modelyard.networks.input_gradients import watch

RATE = 0.05
"""Of Adam, in shares of the range of pixels."""
SHIFT = 2
"""Pixels by which the picture moves at most."""


def climb(
    network: nn.Module,
    layer: str,
    channel: int,
    ends: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    steps: int,
    seed: int,
) -> np.ndarray:
    """A picture from 0 to 1, float64 [colours, height, width].

    Args:
        ends: name of the input → what the network is given for black and for white, [colours, height, width].
    """
    random = np.random.default_rng(seed)
    ((name, (low, high)),) = ends.items()
    start = torch.from_numpy(random.normal(0, 0.1, low.shape).astype(np.float32)).requires_grad_()
    bottom, top = (torch.from_numpy(edge.astype(np.float32)) for edge in (low, high))
    optimizer = torch.optim.Adam([start], lr=RATE)
    found: list[Tensor] = []
    handle = watch(network.get_submodule(layer), lambda tensor: found.__setitem__(slice(None), [tensor]))
    try:
        for _ in range(steps):
            picture = torch.sigmoid(4 * start)
            moved = torch.roll(picture, tuple(random.integers(-SHIFT, SHIFT + 1, 2).tolist()), (1, 2))
            network(**{name: (bottom + moved * (top - bottom))[None]})
            optimizer.zero_grad()
            (-found[0][:, channel].mean()).backward()
            optimizer.step()
    finally:
        handle.remove()
    return torch.sigmoid(4 * start).detach().numpy().astype(np.float64)
