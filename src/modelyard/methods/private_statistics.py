"""Counts, means and histograms with differential privacy (Dwork, McSherry, Nissim and Smith 2006).

Neighbours differ by one person, who has at most ``rows`` rows; adding or removing one changes the probability of any
answer by a factor of at most e^epsilon. The noise is discrete Laplace on whole numbers, drawn exactly
(:mod:`modelyard.methods.discrete_laplace`): values of a mean are put on a grid first, so no bits of floating-point
numbers give anything away. Intervals are of the noise alone, about the true number of these rows, and cost nothing.
Knows no budget.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from modelyard.core.report import Measure
from modelyard.methods import discrete_laplace
from modelyard.methods.discrete_laplace import Below

GRID = 2**20
"""Steps from the middle of a mean's bounds to either end."""


def count(true: int, epsilon: Fraction, below: Below, *, rows: int = 1, confidence: float = 0.95) -> Measure:
    """A count with noise of scale rows / epsilon.

    Args:
        true: how many there are.
        epsilon: above 0.
        below: where the randomness comes from; whoever can repeat it can take the noise off.
        rows: the most rows that one person has.
    """
    scale = rows / epsilon
    return _between(true + discrete_laplace.draw(scale, below), scale, confidence)


def histogram(
    true: Sequence[int], epsilon: Fraction, below: Below, *, rows: int = 1, confidence: float = 0.95
) -> list[Measure]:
    """A count for each bin. A row is in one bin only, so all of them together cost epsilon once."""
    return [count(number, epsilon, below, rows=rows, confidence=confidence) for number in true]


def mean(
    values: Sequence[float],
    low: float,
    high: float,
    epsilon: Fraction,
    below: Below,
    *,
    rows: int = 1,
    confidence: float = 0.95,
) -> Measure:
    """The mean of values that are taken to lie from low to high; what lies outside counts as the nearer end.

    Half of epsilon goes to the sum of differences from the middle, half to how many there are. Each half's interval
    holds with half of the error, so that both hold together.

    Args:
        values: finite numbers.
        low: below which nothing lies; chosen without looking at the data.
        high: likewise, above low.
    """
    middle, grain = (low + high) / 2, (high - low) / 2 / GRID
    steps = [max(-GRID, min(GRID, round((min(max(value, low), high) - middle) / grain))) for value in values]
    scales = (rows * GRID / (epsilon / 2), rows / (epsilon / 2))
    total = sum(steps) + discrete_laplace.draw(scales[0], below)
    number = len(values) + discrete_laplace.draw(scales[1], below)
    half = 1 - (1 - confidence) / 2
    slack, few = (discrete_laplace.quantile(float(scale), half) for scale in scales)

    def at(sum_of_steps: int, people: int) -> float:
        return min(high, max(low, middle + grain * sum_of_steps / max(1, people)))

    ends = [at(end, people) for end in (total - slack, total + slack) for people in (number - few, number + few)]
    return Measure(at(total, number), min(ends), max(ends), max(0, number), confidence=confidence)


def bins(values: Sequence[float], low: float, high: float, number: int) -> list[int]:
    """How many values fall into each of ``number`` equal bins; what lies outside falls into the first or last."""
    found = [0] * number
    for value in values:
        place = math.floor((min(max(value, low), high) - low) / (high - low) * number)
        found[min(place, number - 1)] += 1
    return found


def _between(noisy: int, scale: Fraction, confidence: float) -> Measure:
    slack = discrete_laplace.quantile(float(scale), confidence)
    # There are no fewer than none: cutting off costs no privacy.
    return Measure(max(0, noisy), max(0, noisy - slack), max(0, noisy + slack), confidence=confidence)
