"""Percentiles of run times with intervals, and rates out of them. Knows numbers, no clock."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelyard.core.report import Measure


def percentile(times: Sequence[float], share: float, *, unit: str, confidence: float) -> Measure:
    """A percentile with its interval from order statistics, which assumes no distribution.

    The k-th smallest of n times is below the true percentile with a binomial probability (David and Nagaraja 2003,
    Order Statistics, section 7.1). An end that would lie outside what was seen is unknown (None): the
    99th percentile of few runs has no upper end.

    Args:
        times: run times, at least one.
        share: 0.5 for the median, 0.95 for the 95th percentile.
        unit: of the times.
        confidence: of the interval.
    """
    ordered = np.sort(np.asarray(times, dtype=np.float64))
    n = len(ordered)
    below = _binomial_cumulative(n, share)
    tail = (1 - confidence) / 2
    # P(k-th smallest > percentile) = P(fewer than k are below it) = below[k - 1].
    low = int(np.searchsorted(below, tail, side="right"))
    high = int(np.searchsorted(below, 1 - tail, side="left")) + 1
    return Measure(
        float(np.quantile(ordered, share)),
        float(ordered[low - 1]) if low >= 1 else None,
        float(ordered[high - 1]) if high <= n else None,
        n,
        unit,
        confidence,
    )


def rate(times: Sequence[float], units: int, *, unit: str, confidence: float) -> Measure:
    """Units a second, from the median time of runs of ``units`` units each; times in seconds."""
    median = percentile(times, 0.5, unit="s", confidence=confidence)
    slow, fast = median.high, median.low
    value = units / median.value if median.value else None
    return Measure(
        value, units / slow if slow else None, units / fast if fast else None, median.n, f"{unit}/s", confidence
    )


def _binomial_cumulative(n: int, p: float) -> np.ndarray:
    """P(X <= k) for k = 0 … n of a binomial variable."""
    k = np.arange(n + 1)
    log_factorial = np.array([math.lgamma(i + 1) for i in range(n + 1)])
    log_terms = log_factorial[n] - log_factorial - log_factorial[::-1] + k * math.log(p) + (n - k) * math.log1p(-p)
    return np.cumsum(np.exp(log_terms))
