"""Private statistics: the noise has the stated scale, intervals their coverage, and no answer gives a person away."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction

import pytest

from modelyard.methods import private_statistics
from modelyard.methods.discrete_laplace import variance

EPSILON = Fraction(1, 2)


def test_the_noise_of_a_count_has_the_stated_scale() -> None:
    below = random.Random(1).randrange
    noise = [(private_statistics.count(1000, EPSILON, below, rows=3).value or 0) - 1000 for _ in range(6000)]
    expected = variance(6.0)
    assert sum(noise) / 6000 == pytest.approx(0, abs=4.5 * math.sqrt(expected / 6000))
    # The fourth moment of Laplace noise is six times its squared variance.
    assert sum(z * z for z in noise) / 6000 == pytest.approx(expected, abs=4.5 * expected * math.sqrt(5 / 6000))


def test_neighbours_can_hardly_be_told_apart() -> None:
    """Every answer is at most e^epsilon times as likely with one person more (up to sampling error)."""
    below = random.Random(2).randrange
    draws = 20_000
    first, second = (
        Counter(private_statistics.count(n, Fraction(1), below).value for _ in range(draws)) for n in (50, 51)
    )
    for answer in range(47, 55):
        p, q = first[answer] / draws, second[answer] / draws
        assert p <= math.e * q + 4.5 * math.sqrt((p + math.e**2 * q) / draws)
        assert q <= math.e * p + 4.5 * math.sqrt((q + math.e**2 * p) / draws)


def test_a_mean_is_near_and_its_interval_holds() -> None:
    below, source = random.Random(3).randrange, random.Random(4)
    values = [source.uniform(20, 60) for _ in range(400)] + [1000.0]
    true = (sum(values[:-1]) + 100) / 401  # what lies outside counts as the nearer bound
    held = 0
    for _ in range(400):
        found = private_statistics.mean(values, 0, 100, Fraction(1), below)
        assert found.value is not None
        assert found.low is not None
        assert found.high is not None
        assert abs(found.value - true) < 5
        held += found.low <= true <= found.high
    assert held >= 380  # 95% of 400


def test_nobody_there() -> None:
    found = private_statistics.mean([], 0, 10, EPSILON, random.Random(5).randrange)
    assert found.low is not None
    assert found.high is not None
    assert 0 <= found.low <= (found.value or 0) <= found.high <= 10


def test_bins() -> None:
    assert private_statistics.bins([-5, 0, 9.9, 10, 99, 100, 500], 0, 100, 10) == [3, 1, 0, 0, 0, 0, 0, 0, 0, 3]
