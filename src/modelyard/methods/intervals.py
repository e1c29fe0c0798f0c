"""Confidence intervals in closed form: proportions, differences of estimates, areas under a curve, means of such.

All of them invert a test (or carry such limits over), so they keep an honest width where a bootstrap
collapses: no error in 50 rows does not prove that there will be none. Knows counts and numbers, no predictions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from modelyard.methods import beta_distribution

Interval = tuple[float | None, float | None]
"""Lower and upper end; both None where the data do not determine them."""

UNKNOWN: Interval = (None, None)


def normal_quantile(confidence: float) -> float:
    """z so that a standard normal variable lies in [-z, z] with probability ``confidence``."""
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(successes: float, n: float, confidence: float) -> Interval:
    """Wilson's score interval for a proportion.

    Chosen over the exact (Clopper–Pearson) interval, which is wider than its confidence asks for, and over the
    normal one, which is empty at 0 and 1: its mean coverage is nominal at every n (Wilson 1927, JASA 22;
    Brown, Cai and DasGupta 2001, Statistical Science 16).

    Args:
        successes: number of successes, from 0 to ``n``; a fraction is allowed.
        n: number of trials; 0 gives an unknown interval.
    """
    if n <= 0:
        return UNKNOWN
    z2 = normal_quantile(confidence) ** 2
    rate = successes / n
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    # At 0 and n the ends are 0 and 1 exactly; rounding must not lose the point itself.
    return min(rate, max(0.0, centre - half)), max(rate, min(1.0, centre + half))


def clopper_pearson(successes: int, n: int, confidence: float) -> Interval:
    """The exact interval for a proportion: it covers at least its confidence whatever the truth is, mostly more.

    For what is a promise, such as the coverage of conformal sets, or is picked out of many, such as a worst slice.
    Its ends are quantiles of beta distributions (Clopper and Pearson 1934, Biometrika 26).
    """
    if n <= 0:
        return UNKNOWN
    tail = (1 - confidence) / 2
    low = beta_distribution.quantile(tail, successes, n - successes + 1) if successes else 0.0
    high = beta_distribution.quantile(1 - tail, successes + 1, n - successes) if successes < n else 1.0
    return low, high


def difference(first: tuple[float, Interval], second: tuple[float, Interval]) -> Interval:
    """Interval for the difference of two independent estimates from the interval of each ("MOVER", Zou and Donner).

    Args:
        first: estimate and its interval.
        second: what is taken off.
    """
    (value, (low, high)), (other, (other_low, other_high)) = first, second
    if low is None or high is None or other_low is None or other_high is None:
        return UNKNOWN
    apart = value - other
    return (
        apart - math.hypot(value - low, other_high - other),
        apart + math.hypot(high - value, other - other_low),
    )


def f1_interval(true_positives: float, errors: float, confidence: float) -> Interval:
    """Interval of F1 = 2 tp / (2 tp + errors), where ``errors`` are the false positives and negatives.

    Of the rows that are of the class or were called so, the share that is both is a proportion J (Jaccard's
    index), and F1 = 2J / (1 + J) rises with it: Wilson's limits of J carry over.
    """
    low, high = wilson(true_positives, true_positives + errors, confidence)
    return (None if low is None else 2 * low / (1 + low)), (None if high is None else 2 * high / (1 + high))


def roc_auc_interval(area: float, positives: int, negatives: int, confidence: float) -> Interval:
    """Score interval for an area under the ROC curve from its sizes alone.

    Method 5 of Newcombe 2006 (Statistics in Medicine 25, part 2): the areas t with |t - area| <= z sqrt(V(t)),
    V being Hanley and McNeil's variance with both groups at their mean size N,
    V(t) = t (1-t) (1 + (N-1) ((1-t)/(2-t) + t/(1+t))) / (positives * negatives).
    """
    if not positives or not negatives:
        return UNKNOWN
    z = normal_quantile(confidence)
    mean_size = (positives + negatives) / 2

    def excess(t: float) -> float:
        spread = 1 + (mean_size - 1) * ((1 - t) / (2 - t) + t / (1 + t))
        return abs(t - area) - z * math.sqrt(max(0.0, t * (1 - t) * spread / (positives * negatives)))

    return _outermost(excess, area, 0.0), _outermost(excess, area, 1.0)


def matched_difference(first_only: int, second_only: int, n: int, confidence: float) -> Interval:
    """Interval for the difference of two proportions that were measured on the same ``n`` rows.

    Bonett and Price's (2012, Journal of Educational and Behavioral Statistics 37): one imagined row is added on
    which only the first succeeded and one on which only the second did. Only the rows where the two differ
    decide, and it has a width even where there are none; Fagerland, Lydersen and Laake (2014) recommend it.

    Args:
        first_only: rows where only the first succeeded.
        second_only: rows where only the second did.
        n: all rows.
    """
    if n <= 0:
        return UNKNOWN
    first, second = (first_only + 1) / (n + 2), (second_only + 1) / (n + 2)
    difference = first - second
    half = normal_quantile(confidence) * math.sqrt((first + second - difference**2) / (n + 2))
    return max(-1.0, difference - half), min(1.0, difference + half)


def mean_interval(values: Sequence[float], intervals: Sequence[Interval]) -> Interval:
    """Interval for the mean of independent estimates from the interval of each.

    Zou and Donner 2008 (Statistics in Medicine 27, "MOVER"): the distances from estimate to limit add in
    squares, separately below and above.
    """
    if not values:
        return UNKNOWN
    below = [value - low for value, (low, _) in zip(values, intervals, strict=True) if low is not None]
    above = [high - value for value, (_, high) in zip(values, intervals, strict=True) if high is not None]
    mean = sum(values) / len(values)
    return mean - math.hypot(*below) / len(values), mean + math.hypot(*above) / len(values)


def _outermost(excess: Callable[[float], float], inside: float, outside: float) -> float:
    """Where ``excess`` turns positive between a point inside the interval and one at or beyond its end."""
    if excess(outside) <= 0:
        return outside
    for _ in range(60):
        middle = (inside + outside) / 2
        if excess(middle) > 0:
            outside = middle
        else:
            inside = middle
    return inside
