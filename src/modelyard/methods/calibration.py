"""Whether a model is as often right as it says it will be: expected calibration error and reliability diagram.

Knows the probability of the predicted class and whether it was right, nothing of classes.
"""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Figure, Series
from modelyard.methods.intervals import wilson

BINS = 15


def calibration_error(score: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Expected calibration error with 15 bins of equal width [resamples].

    The weighted mean over the bins of |accuracy - mean score| (Guo et al. 2017, "On Calibration of Modern
    Neural Networks", equation 3).

    Args:
        score: probability of the predicted class [n].
        right: whether the prediction was right, bool [n].
        weights: [resamples, n].
    """
    gaps = np.zeros((len(score), BINS))
    gaps[np.arange(len(score)), bin_of(score)] = right - score
    # Dividing the summed gaps by the total weight is the same as weighting each bin's mean gap.
    with np.errstate(divide="ignore", invalid="ignore"):
        error: np.ndarray = np.abs(weights @ gaps).sum(axis=1) / weights.sum(axis=1)
    return error


def bin_of(score: np.ndarray) -> np.ndarray:
    """Number of the bin ((b/15, (b+1)/15]) that each score falls into [n]."""
    return np.asarray(np.clip(np.ceil(score * BINS).astype(int) - 1, 0, BINS - 1))


def reliability_figure(score: np.ndarray, right: np.ndarray, confidence: float) -> Figure:
    """Accuracy against mean score of each bin that holds rows, with Wilson intervals."""
    bins = bin_of(score)
    x, y, low, high = [], [], [], []
    for number in np.unique(bins):
        inside = bins == number
        hits, n = int(right[inside].sum()), int(inside.sum())
        ends = wilson(hits, n, confidence)
        x.append(float(score[inside].mean()))
        y.append(hits / n)
        low.append(ends[0] or 0.0)
        high.append(ends[1] or 0.0)
    return Figure(
        title="Calibration",
        kind="line",
        x_label="mean score of the predicted class",
        y_label="share that was right",
        series=[Series("model", x, y, low, high)],
        diagonal=True,
    )
