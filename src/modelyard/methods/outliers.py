"""Numbers that lie far from the others: the modified z-score of Iglewicz and Hoaglin (1993, How to Detect and Handle
Outliers). Median and median absolute deviation are moved by no outlier, unlike mean and deviation."""

from __future__ import annotations

import numpy as np

FAR = 3.5
"""Beyond this a number is called an outlier, as the authors do."""


def scores(values: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """How far each value lies from the median of the reference: 0.6745 (x - median) / MAD, NaN for a gap.

    Where more than half of the reference is one value, MAD is 0: the mean absolute deviation takes its place, times
    1.2533; where all of it is one value, nothing is far.

    Args:
        values: numbers, NaN for gaps.
        reference: numbers that say what is usual, at least one that is no gap.
    """
    known = reference[~np.isnan(reference)]
    middle = np.median(known)
    distances = np.abs(known - middle)
    unit = np.median(distances) / 0.6745 or distances.mean() * 1.2533
    return np.asarray((values - middle) / unit if unit else np.where(np.isnan(values), np.nan, 0.0))
