"""Tests of drift: against SciPy, by known answers, and by how often they cry wolf."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import chi_square, drift, kolmogorov_smirnov
from modelyard.methods.many_tests import holm


def draw(seed: int, size: int, shift: float = 0.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(shift, size=size)


@pytest.mark.parametrize("x", [0.1, 0.21, 0.5, 0.828, 1.0, 1.36, 2.5])
def test_kolmogorovs_distribution(x: float) -> None:
    special = pytest.importorskip("scipy.special")
    assert kolmogorov_smirnov.survival(x) == pytest.approx(special.kolmogorov(x), abs=1e-12)


def test_kolmogorovs_table() -> None:
    """Critical values of the limit as tables have them (Smirnov 1948)."""
    for x, p in ((1.22, 0.10), (1.36, 0.05), (1.63, 0.01)):
        assert kolmogorov_smirnov.survival(x) == pytest.approx(p, abs=0.003)


@pytest.mark.parametrize(("n", "m", "shift"), [(60, 40, 0.0), (60, 40, 0.6), (500, 900, 0.1), (2000, 300, 0.15)])
def test_two_samples_as_scipy_has_them(n: int, m: int, shift: float) -> None:
    stats = pytest.importorskip("scipy.stats")
    first, second = draw(1, n), draw(2, m, shift)
    distance, p = kolmogorov_smirnov.two_samples(first, second)
    reference = stats.ks_2samp(first, second, method="exact" if n < 100 else "asymp")
    assert distance == pytest.approx(reference.statistic, abs=1e-12)
    assert p == pytest.approx(reference.pvalue, rel=0.15, abs=0.01)


def test_ties_count_once() -> None:
    first, second = np.array([1.0, 1, 2, 2]), np.array([2.0, 2, 3, 3])
    assert kolmogorov_smirnov.two_samples(first, second)[0] == 0.5
    assert kolmogorov_smirnov.two_samples(first, first) == (0.0, 1.0)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30, 101])
@pytest.mark.parametrize("x", [0.0, 0.01, 1.0, 3.84, 40.0, 200.0])
def test_the_chi_square_distribution(x: float, degrees: int) -> None:
    stats = pytest.importorskip("scipy.stats")
    assert chi_square.survival(x, degrees) == pytest.approx(stats.chi2.sf(x, degrees), rel=1e-9, abs=1e-300)


def test_homogeneity_as_scipy_has_it() -> None:
    stats = pytest.importorskip("scipy.stats")
    first, second = np.array([30, 50, 20]), np.array([200, 210, 90])
    expected = stats.chi2_contingency(np.stack([first, second]), correction=False).pvalue
    assert chi_square.homogeneity(first, second) == pytest.approx(expected, rel=1e-9)
    # Rare classes count together, and one class alone differs from nothing.
    rare = chi_square.homogeneity(np.array([*first, 1, 0, 2]), np.array([*second, 1, 3, 0]))
    pooled = chi_square.homogeneity(np.array([*first, 3]), np.array([*second, 4]))
    assert rare == pytest.approx(pooled)
    assert chi_square.homogeneity(np.array([9]), np.array([4])) == 1.0
    assert chi_square.homogeneity(np.array([9, 1]), np.array([0, 0])) == 1.0


def test_holms_own_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_lies_between_none_and_bonferroni(probabilities: list[float]) -> None:
    for one, corrected in zip(probabilities, holm(probabilities), strict=True):
        assert one <= corrected <= 1
    least = min(probabilities)
    assert min(holm(probabilities)) == min(1, least * len(probabilities))


def test_the_index_of_numbers_by_hand() -> None:
    """Half of the reference's mass moves from its lower to its upper half: (p - q) ln(p / q) over its bins."""
    reference = np.repeat(np.arange(10.0), 1000)
    new = np.repeat(np.arange(5.0, 10.0), 2000)
    found = drift.of_numbers(new, reference, confidence=0.95)
    expected = 5 * 0.1 * math.log(0.2 / 0.1) + 5 * 0.1 * math.log(0.1 / (0.5 / 10_000))
    assert found.stability.value == pytest.approx(expected, rel=0.01)
    assert found.distance == 0.5
    assert found.p < 1e-12


def test_what_a_constant_became_is_seen() -> None:
    reference = np.zeros(500)
    for other in (-1.0, 1.0, math.nan):
        found = drift.of_numbers(np.full(200, other), reference, confidence=0.95)
        assert found.stability.low is not None
        assert found.stability.low > 1
        assert found.p < 1e-6


def test_gaps_alone_are_seen() -> None:
    reference = draw(1, 1000)
    new = draw(2, 1000)
    new[:400] = math.nan
    found = drift.of_numbers(new, reference, confidence=0.95)
    assert found.stability.low is not None
    assert found.stability.low > 0.25
    assert found.p < 1e-6
    assert drift.of_numbers(draw(2, 1000), reference, confidence=0.95).p > 0.01


def test_no_wolf_where_there_is_none() -> None:
    """Of 400 pairs of samples of one distribution, about 5% have a probability below 5%, and none a sure index."""
    found = [drift.of_numbers(draw(seed, 300), draw(1000 + seed, 400), confidence=0.95) for seed in range(400)]
    assert 8 <= sum(item.p < 0.05 for item in found) <= 34
    assert max(item.stability.low or 0.0 for item in found) < 0.1
