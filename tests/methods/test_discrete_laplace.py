"""Noise has the distribution that it says, whatever its scale; draws from a key are uniform and repeatable."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction

import pytest

from modelyard.methods import discrete_laplace
from modelyard.methods.keyed_draws import KeyedDraws


@pytest.mark.parametrize("scale", [Fraction(1, 3), Fraction(1), Fraction(7, 2)])
def test_noise_has_its_distribution(scale: Fraction) -> None:
    below = random.Random(0).randrange
    draws = [discrete_laplace.draw(scale, below) for _ in range(8000)]
    p = math.exp(-1 / scale)
    counts = Counter(draws)
    for value in (-2, -1, 0, 1, 2):
        expected = (1 - p) / (1 + p) * p ** abs(value)
        deviation = math.sqrt(expected * (1 - expected) / len(draws))
        assert counts[value] / len(draws) == pytest.approx(expected, abs=4.5 * deviation)
    assert sum(draws) / len(draws) == pytest.approx(
        0, abs=4.5 * math.sqrt(discrete_laplace.variance(float(scale)) / 8000)
    )


@pytest.mark.parametrize("scale", [0.3, 1.0, 4.0, 50.0])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95])
def test_the_quantile_is_the_smallest(scale: float, confidence: float) -> None:
    p = math.exp(-1 / scale)

    def outside(q: int) -> float:
        return sum(2 * (1 - p) / (1 + p) * p**z for z in range(q + 1, q + 4000))

    q = discrete_laplace.quantile(scale, confidence)
    assert outside(q) <= 1 - confidence + 1e-9
    assert q == 0 or outside(q - 1) > 1 - confidence


def test_draws_from_a_key_are_uniform_and_repeat() -> None:
    draws = KeyedDraws(b"key", "a", "b")
    counts = Counter(draws.below(6) for _ in range(6000))
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 25  # chi-square, 5 degrees: p < 0.0002
    again, other, elsewhere = KeyedDraws(b"key", "a", "b"), KeyedDraws(b"kez", "a", "b"), KeyedDraws(b"key", "ab", "")
    first = again.bytes(32)
    assert first == KeyedDraws(b"key", "a", "b").bytes(16) + again_tail(16)
    assert len({first, other.bytes(32), elsewhere.bytes(32)}) == 3


def again_tail(skip: int) -> bytes:
    draws = KeyedDraws(b"key", "a", "b")
    draws.bytes(skip)
    return draws.bytes(16)
