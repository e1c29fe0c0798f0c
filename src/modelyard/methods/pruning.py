"""Which parts of a network stay when it is pruned: pure choices over scores.

Scores are importances, larger for what matters more; how they are measured on rows is not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np


def spaced(count: int, keep: int) -> list[int]:
    """``keep`` of the numbers below ``count``, evenly spaced, the first and the last among them.

    A single one is the first. Keeping layers at even distances is the strongest choice that looks at no data
    (Sajjad et al. 2020, "On the effect of dropping layers").
    """
    return [round(position) for position in np.linspace(0, count - 1, keep)] if keep > 1 else [0]


def largest(scores: np.ndarray, keep: int) -> np.ndarray:
    """Positions of the ``keep`` largest scores, ascending; of equal ones the first stay.

    Args:
        scores: shape (units,).
    """
    return np.sort(np.argsort(-scores, kind="stable")[:keep])


def rounded_width(width: int, share: float, multiple: int) -> int:
    """How many of ``width`` units to keep: about ``share`` of them, a whole number of ``multiple``, never none.

    A width below ``multiple`` stays as it is.
    """
    return min(width, multiple * max(1, round(width * share / multiple)))


def within_layers(scores: Sequence[np.ndarray], share: float, *, multiple: int) -> list[np.ndarray]:
    """The same share of each layer: positions of its units with the largest scores."""
    return [largest(layer, rounded_width(len(layer), share, multiple)) for layer in scores]


def across_layers(scores: Sequence[np.ndarray], share: float, *, multiple: int = 1) -> list[np.ndarray]:
    """A share of all units, ranked over the whole network; each layer keeps ``multiple`` of them at the least.

    With a ``multiple`` above 1 the number kept in each layer is rounded, and their sum is about the share.

    Args:
        scores: for each layer, shape (its units,).

    Returns:
        for each layer, the positions that stay, ascending.
    """
    pooled = np.concatenate(list(scores))
    layers = np.repeat(np.arange(len(scores)), [len(layer) for layer in scores])
    # The best of each layer stay whatever the others score.
    rank = np.concatenate([np.argsort(np.argsort(-layer, kind="stable"), kind="stable") for layer in scores])
    order = np.lexsort((-pooled, rank >= multiple))
    chosen = order[: max(round(share * len(pooled)), int((rank < multiple).sum()))]
    counts = np.bincount(layers[chosen], minlength=len(scores))
    return [
        largest(layer, rounded_width(len(layer), count / len(layer), multiple))
        for layer, count in zip(scores, counts, strict=True)
    ]


def choose(
    scores: Sequence[np.ndarray], share: float, *, scope: Literal["layer", "network"], multiple: int
) -> list[np.ndarray]:
    """The same share of each layer, or a share of all units: positions that stay, for each layer."""
    return (within_layers if scope == "layer" else across_layers)(scores, share, multiple=multiple)


def cubic_sparsity(done: float, final: float) -> float:
    """Share of weights that are zero when ``done`` (0 to 1) of the schedule is over.

    ``final * (1 - (1 - done) ** 3)``: many weights fall at once, the last ones slowly (Zhu & Gupta 2017, "To prune,
    or not to prune", equation 1, from a dense network).
    """
    return final * (1.0 - (1.0 - min(max(done, 0.0), 1.0)) ** 3)
