"""The Kolmogorov–Smirnov test of two samples: whether they come from one distribution, whatever it is."""

from __future__ import annotations

import math

import numpy as np


def two_samples(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The largest distance of two empirical distribution functions, and the probability of so large a one by chance.

    The probability is Kolmogorov's limit at (sqrt(n) + 0.12 + 0.11 / sqrt(n)) times the distance, n being the harmonic
    size of the samples (Stephens 1970, Journal of the Royal Statistical Society B 32). Values that occur twice make it
    err on the side of no difference.

    Args:
        first: finite numbers, at least one.
        second: likewise.
    """
    a, b = np.sort(first), np.sort(second)
    places = np.concatenate([a, b])
    below = np.searchsorted(a, places, side="right") / len(a) - np.searchsorted(b, places, side="right") / len(b)
    distance = float(np.abs(below).max())
    root = math.sqrt(len(a) * len(b) / (len(a) + len(b)))
    return distance, survival((root + 0.12 + 0.11 / root) * distance)


def survival(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution (1933): 2 sum over k of (-1)^(k-1) exp(-2 k² x²)."""
    if x < 0.2:
        # Less than 1e-12 is missing, where the sum would be long.
        return 1.0
    total = sum((-1) ** (k - 1) * math.exp(-2 * k * k * x * x) for k in range(1, 101))
    return float(min(1.0, max(0.0, 2 * total)))
