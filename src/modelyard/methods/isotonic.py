"""Isotonic calibration: of each class, the rising step function of the score that fits best how often it was right.

Zadrozny and Elkan 2002, "Transforming classifier scores into accurate multiclass probability estimates"; the fit is
pooling of adjacent violators (Ayer et al. 1955). Bends where temperature cannot, and needs more rows for it (a
thousand or so). Knows probabilities, no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Curve:
    """A rising function: linear between the points, flat beyond them."""

    x: Sequence[float]
    y: Sequence[float]

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(np.interp(scores, self.x, self.y))


def fit_curve(scores: np.ndarray, hits: np.ndarray) -> Curve:
    """The rising function of least squared error.

    Args:
        scores: [n], n at least 1.
        hits: what is to be foretold, 0 or 1 [n].
    """
    x, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    means = np.bincount(place, weights=hits) / counts
    # Of each pool: its value, its weight, and how many scores it holds.
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(means.tolist(), counts.tolist(), strict=True):
        pool = (value, float(weight), 1)
        while pools and pools[-1][0] >= pool[0]:
            before, heavy, size = pools.pop()
            total = heavy + pool[1]
            pool = ((before * heavy + pool[0] * pool[1]) / total, total, size + pool[2])
        pools.append(pool)
    ends = np.cumsum([size for _, _, size in pools])
    kept = np.unique(np.concatenate([ends - 1, ends - [size for _, _, size in pools]]))
    values = np.repeat([value for value, _, _ in pools], [size for _, _, size in pools])
    return Curve(x[kept].tolist(), values[kept].tolist())


def fit(probabilities: np.ndarray, targets: np.ndarray) -> list[Curve]:
    """One curve a class, fitted against the rest; of two classes that of the second alone.

    Args:
        probabilities: (rows, classes), at least one row.
        targets: right class of each row.
    """
    classes = probabilities.shape[1]
    ranked = [1] if classes == 2 else range(classes)
    return [fit_curve(probabilities[:, number], (targets == number).astype(float)) for number in ranked]


def scale(probabilities: np.ndarray, curves: Sequence[Curve]) -> np.ndarray:
    """Calibrated probabilities, (rows, classes), each row scaled to the sum 1."""
    if len(curves) == 1:
        second = curves[0](probabilities[:, 1])
        return np.stack([1 - second, second], axis=1)
    found = np.stack([curve(probabilities[:, number]) for number, curve in enumerate(curves)], axis=1)
    total = found.sum(axis=1, keepdims=True)
    # A row that no class was ever right for at such scores: nothing is known of it.
    return np.where(total > 0, found / np.where(total > 0, total, 1.0), 1 / found.shape[1])
