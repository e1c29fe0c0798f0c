"""How well scores rank the positive rows above the others: ROC and precision–recall curves and their areas.

Works on weighted rows, so that a bootstrap is one call. Ties are one threshold. Knows two classes only.
"""

from __future__ import annotations

import numpy as np


def cumulative_counts(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positive and negative weight at or above each distinct score, from the highest score down.

    Args:
        scores: [n].
        positive: bool [n].
        weights: [resamples, n].

    Returns:
        true positives and false positives, each [resamples, thresholds + 1], beginning with 0.
    """
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True)) if len(order) else order
    drawn = weights[:, order]
    start = np.zeros((len(weights), 1))
    both = np.hstack([start, np.cumsum(drawn, axis=1)[:, ends]])
    true = np.hstack([start, np.cumsum(drawn * positive[order], axis=1)[:, ends]])
    return true, both - true


def roc_auc(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve by trapezoids [resamples]; not a number where one class has no weight.

    It is the probability that a positive row scores above a negative one, ties counting half (Mann–Whitney).
    """
    return areas(*cumulative_counts(scores, positive, weights))[0]


def average_precision(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the precision–recall curve as the sum of precision times the rise of recall [resamples].

    No interpolation, which would be too hopeful (Davis and Goadrich 2006); not a number without positives.
    """
    return areas(*cumulative_counts(scores, positive, weights))[1]


def areas(true: np.ndarray, false: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ROC-AUC and average precision, each [resamples], of cumulative counts (:func:`cumulative_counts`)."""
    positives, negatives = true[:, -1], false[:, -1]
    risen = np.diff(true, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        under_roc = (np.diff(false, axis=1) * (true[:, 1:] + true[:, :-1])).sum(axis=1) / (2 * positives * negatives)
        precision = true[:, 1:] / (true[:, 1:] + false[:, 1:])
        # A resample may hold none of the first rows: 0 of 0 adds nothing, for recall did not rise there.
        under_precision = np.where(risen > 0, risen * precision, 0.0).sum(axis=1) / positives
    return under_roc, np.where(negatives > 0, under_precision, np.nan)
