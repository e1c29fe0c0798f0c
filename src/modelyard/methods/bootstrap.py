"""The bootstrap, vectorised: resamples as counts, drawn once and shared by every statistic that is compared.

A resample is a vector of how often each row (or each distinct kind of row) was drawn; a statistic takes many of
them at once. Efron and Tibshirani 1993. Knows nothing of what is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods.intervals import UNKNOWN, Interval

RESAMPLES = 2_000
_CELLS_AT_ONCE = 2_000_000

Statistics = Callable[[np.ndarray], Mapping[str, np.ndarray]]
"""Counts [resamples, n] → name → values [resamples]; not a number where a resample leaves it undefined."""


def resample_rows(n: int, statistics: Statistics, *, seed: int, resamples: int = RESAMPLES) -> dict[str, np.ndarray]:
    """Draw ``n`` of ``n`` rows again and again and take the statistics of each draw.

    Memory is bounded: the counts are made and used up in chunks.

    Returns:
        name → values [resamples]; empty without rows.
    """
    if n == 0:
        return {}
    random = np.random.default_rng(seed)
    chunk = max(1, _CELLS_AT_ONCE // max(n, 1))
    parts: list[Mapping[str, np.ndarray]] = []
    for start in range(0, resamples, chunk):
        size = min(chunk, resamples - start)
        drawn = random.integers(0, n, size=(size, n)) + n * np.arange(size)[:, None]
        parts.append(statistics(np.bincount(drawn.ravel(), minlength=size * n).reshape(size, n)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def resample_kinds(weights: np.ndarray, n: int, *, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """The same for rows that are alike: weight of each kind of row → counts [resamples, kinds] that sum to ``n``.

    A multinomial draw over the kinds is the bootstrap over the rows, at a cost that does not grow with them.
    """
    if n == 0:
        return np.zeros((resamples, len(weights)), dtype=np.int64)
    return np.random.default_rng(seed).multinomial(n, weights / weights.sum(), size=resamples)


def percentile_interval(values: np.ndarray, confidence: float) -> Interval:
    """The middle ``confidence`` of the resampled values."""
    known = values[np.isfinite(values)]
    if known.size < 2:
        return UNKNOWN
    low, high = np.quantile(known, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def basic_interval(value: float, values: np.ndarray, confidence: float) -> Interval:
    """The resampled values mirrored at the estimate (Davison and Hinkley 1997, section 5.2).

    For estimates that are biased on finite samples: a resample is biased against the sample as the sample is
    against the truth, and mirroring takes that bias out where percentiles would double it.
    """
    low, high = percentile_interval(values, confidence)
    return (None if high is None else 2 * value - high), (None if low is None else 2 * value - low)


def widest(value: float, *intervals: Interval) -> Interval:
    """The smallest interval that holds the value and all the others."""
    lows = [low for low, _ in intervals if low is not None]
    highs = [high for _, high in intervals if high is not None]
    return (min([value, *lows]), max([value, *highs])) if lows and highs else UNKNOWN


def drop_measures(
    drops: Mapping[str, float], resampled: Mapping[str, np.ndarray], *, n: int, confidence: float
) -> dict[str, Measure]:
    """``NAME_drop`` of every measure with the percentiles of its resampled values.

    Args:
        drops: name → reference minus ours; not a number where it is undefined.
        resampled: name → the same of each resample, both models having been given the same draws, so that
            what they share cancels out.
        n: rows behind it.
    """
    found = {}
    for name, drop in drops.items():
        interval = percentile_interval(resampled[name], confidence) if n > 1 and np.isfinite(drop) else UNKNOWN
        found[f"{name}_drop"] = Measure(drop, *interval, n=n, confidence=confidence)
    return found
