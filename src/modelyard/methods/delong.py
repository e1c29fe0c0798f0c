"""DeLong's test: whether two models rank the same rows equally well. Knows scores, neither models nor rows."""

from __future__ import annotations

import math

import numpy as np


def placements(scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of each positive row the share of negatives below it, and of each negative the share of positives above it.

    Ties count half. The mean of either is the area under the ROC curve. By midranks, as Sun and Xu 2014 (IEEE Signal
    Processing Letters 21) do it.

    Args:
        scores: [n].
        positive: bool [n].
    """
    ranks = _midranks(scores)
    above, below = scores[positive], scores[~positive]
    of_positives = (ranks[positive] - _midranks(above)) / max(1, len(below))
    of_negatives = 1 - (ranks[~positive] - _midranks(below)) / max(1, len(above))
    return of_positives, of_negatives


def delong_p(first: np.ndarray, second: np.ndarray, positive: np.ndarray) -> float | None:
    """Two-sided p-value that two areas under the ROC curve of the same rows are equal.

    DeLong, DeLong and Clarke-Pearson 1988 (Biometrics 44): the difference over the root of its variance is standard
    normal. None where a class has fewer than two rows; 1 where the models rank alike.

    Args:
        first: scores of one model [n].
        second: of the other.
        positive: bool [n].
    """
    m, n = int(positive.sum()), int((~positive).sum())
    if m < 2 or n < 2:
        return None
    pairs = zip(placements(first, positive), placements(second, positive), strict=True)
    of_positives, of_negatives = (one - other for one, other in pairs)
    variance = of_positives.var(ddof=1) / m + of_negatives.var(ddof=1) / n
    if variance <= 0:
        return 1.0 if abs(of_positives.mean()) < 1e-12 else 0.0
    return math.erfc(abs(float(of_positives.mean())) / math.sqrt(2 * variance))


def _midranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[place])
