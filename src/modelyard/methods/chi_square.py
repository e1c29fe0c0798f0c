"""Pearson's chi-square test: whether two samples have the same shares of classes."""

from __future__ import annotations

import math

import numpy as np

FEW = 5.0
"""Classes of which fewer are to be expected are counted together (Cochran 1952, Annals of Mathematical Statistics)."""


def homogeneity(first: np.ndarray, second: np.ndarray) -> float:
    """The probability, by chance alone, of counts that differ as much.

    Args:
        first: how often each class occurs in a sample.
        second: likewise, of the same classes.
    """
    counts = np.stack([first, second]).astype(np.float64)
    if not counts.sum(axis=1).all():
        return 1.0
    expected = _expected(counts)
    rare = expected.min(axis=0) < FEW
    counts = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    counts = counts[:, counts.sum(axis=0) > 0]
    if counts.shape[1] < 2:
        return 1.0
    expected = _expected(counts)
    return survival(float(((counts - expected) ** 2 / expected).sum()), counts.shape[1] - 1)


def survival(x: float, degrees: int) -> float:
    """P(X > x) of a chi-square variable: the upper incomplete gamma function, by its recurrence.

    Q(a + 1, y) = Q(a, y) + y^a exp(-y) / Γ(a + 1), from Q(1/2, y) = erfc(sqrt(y)) or Q(1, y) = exp(-y)
    (Abramowitz and Stegun 6.5.21, 26.4.4).
    """
    y = x / 2
    if y <= 0:
        return 1.0
    a, total = (1.0, math.exp(-y)) if degrees % 2 == 0 else (0.5, math.erfc(math.sqrt(y)))
    while a < degrees / 2:
        total += math.exp(a * math.log(y) - y - math.lgamma(a + 1))
        a += 1
    return min(1.0, total)


def _expected(counts: np.ndarray) -> np.ndarray:
    return np.asarray(np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum())
