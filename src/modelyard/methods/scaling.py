"""What is taken off a column of numbers, and what it is divided by, so that columns are of like size.

Numbers in, two numbers out. A column whose numbers are all alike is divided by 1.
"""

from __future__ import annotations

import numpy as np

from modelyard.methods.feature_codes import divisor


def standard(numbers: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation."""
    return float(numbers.mean()), divisor(float(numbers.std()), numbers)


def minmax(numbers: np.ndarray) -> tuple[float, float]:
    """Smallest number and the range: what was seen comes to lie from 0 to 1."""
    low = float(numbers.min())
    return low, divisor(float(numbers.max()) - low, numbers)


def robust(numbers: np.ndarray) -> tuple[float, float]:
    """Median and interquartile range: a few numbers that are far out change neither.

    Where half of the numbers are alike, that range is zero; then it is the standard deviation.
    """
    low, median, high = (float(value) for value in np.percentile(numbers, (25, 50, 75)))
    width = divisor(high - low, numbers)
    return median, width if high > low else divisor(float(numbers.std()), numbers)
