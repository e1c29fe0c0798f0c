"""Measures of a version under traffic, and of how it differs from another, each with an interval.

Counts and times in, measures out; knows no server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods.intervals import wilson
from modelyard.methods.latency import percentile

SHIFT_RESAMPLES = 400


def share(count: int, n: int, *, confidence: float) -> Measure:
    """A proportion with Wilson's interval; unknown where n is 0."""
    low, high = wilson(count, n, confidence)
    return Measure(count / n if n else None, low, high, n, confidence=confidence)


def rise_of_share(new: tuple[int, int], old: tuple[int, int], *, confidence: float) -> Measure:
    """By how much a proportion is higher than another, of independent trials.

    Newcombe's hybrid score interval (1998, Statistics in Medicine 17, method 10): the distances from each proportion
    to its Wilson limits add in squares.

    Args:
        new: count and trials.
        old: count and trials of what it is held against.
    """
    first, second = share(*new, confidence=confidence), share(*old, confidence=confidence)
    ends = (first.value, first.low, first.high, second.value, second.low, second.high)
    if any(end is None for end in ends):
        return Measure(None, n=new[1], confidence=confidence)
    p, p_low, p_high, q, q_low, q_high = (float(end) for end in ends if end is not None)
    low = p - q - np.hypot(p - p_low, q_high - q)
    high = p - q + np.hypot(p_high - p, q - q_low)
    return Measure(p - q, low, high, new[1], confidence=confidence)


def ratio_of_percentiles(new: Sequence[float], old: Sequence[float], at: float, *, confidence: float) -> Measure:
    """A percentile of run times as a multiple of another's; its interval holds both at their far ends.

    Args:
        at: 0.95 for the 95th percentile.
    """
    if not len(new) or not len(old):
        return Measure(None, n=len(new), confidence=confidence)
    first = percentile(new, at, unit="s", confidence=confidence)
    second = percentile(old, at, unit="s", confidence=confidence)
    if not second.value or first.value is None:
        return Measure(None, n=len(new), confidence=confidence)
    low = first.low / second.high if first.low is not None and second.high else None
    high = first.high / second.low if first.high is not None and second.low else None
    return Measure(first.value / second.value, low, high, len(new), confidence=confidence)


def shift(new: Mapping[str, int], old: Mapping[str, int], *, confidence: float, seed: int = 0) -> Measure:
    """How far two distributions over classes are apart: the population stability index.

    sum (p - q) ln(p / q) over the classes (Siddiqi 2006, Credit Risk Scorecards); as a rule of thumb 0.1 is a small
    and 0.25 a large shift. Half a row is added to each class, so that a rare one is not infinitely far. Two samples of
    one distribution are (classes - 1)(1/n + 1/m) apart on average (Yurdakul 2018), which is taken off; the interval
    comes from a bootstrap.

    Args:
        new: class → rows.
        old: class → rows of what it is held against.
    """
    names = sorted({*new, *old})
    counts = np.array([[side.get(name, 0) for name in names] for side in (new, old)], dtype=np.float64)
    sizes = counts.sum(axis=1)
    if not sizes.all():
        return Measure(None, n=int(sizes[0]), confidence=confidence)
    bias = (len(names) - 1) * (1 / sizes).sum()
    generator = np.random.default_rng(seed)
    drawn = np.stack(
        [
            generator.multinomial(int(size), side / size, SHIFT_RESAMPLES)
            for size, side in zip(sizes, counts, strict=True)
        ]
    )
    # A resample is as much further apart again as its sample was.
    found = np.maximum(0.0, _stability(drawn[0], drawn[1]) - 2 * bias)
    tail = 100 * (1 - confidence) / 2
    value = max(0.0, float(_stability(counts[0], counts[1])) - bias)
    low, high = (float(end) for end in np.percentile(found, [tail, 100 - tail]))
    return Measure(value, min(low, value), max(high, value), int(sizes[0]), confidence=confidence)


def _stability(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """Over the last axis."""
    p, q = ((side + 0.5) / (side + 0.5).sum(axis=-1, keepdims=True) for side in (new, old))
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))
