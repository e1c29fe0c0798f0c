"""Exact intervals, the beta and t distributions behind them, and differences of independent estimates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from modelyard.methods import beta_distribution, student_t
from modelyard.methods.intervals import UNKNOWN, clopper_pearson, difference, wilson


@given(st.floats(0.0, 1.0), st.floats(0.3, 3000), st.floats(0.3, 3000))
def test_the_beta_distribution_is_scipys(x: float, a: float, b: float) -> None:
    assert beta_distribution.cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-7, abs=1e-10)


@pytest.mark.parametrize(("a", "b"), [(1, 20), (0.5, 0.5), (300, 7), (40_000, 60_000)])
def test_quantiles_invert_the_distribution(a: float, b: float) -> None:
    for probability in (1e-4, 0.025, 0.5, 0.975):
        found = beta_distribution.quantile(probability, a, b)
        assert found == pytest.approx(stats.beta.ppf(probability, a, b), rel=1e-7)


def test_students_t_is_that_of_the_tables() -> None:
    assert student_t.quantile(0.95, 9) == pytest.approx(2.2622, abs=5e-5)
    assert student_t.quantile(0.99, 1) == pytest.approx(63.657, abs=5e-4)
    assert student_t.two_sided_p(2.2622, 9) == pytest.approx(0.05, abs=1e-5)
    assert student_t.two_sided_p(-1.3, 24) == pytest.approx(2 * stats.t.sf(1.3, 24))


def test_clopper_pearson_gives_the_published_examples() -> None:
    # Newcombe 1998, Statistics in Medicine 17, table I, method 5.
    for successes, n, low, high in [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0, 0.1684)]:
        assert clopper_pearson(successes, n, 0.95) == pytest.approx((low, high), abs=5e-5)
    assert clopper_pearson(20, 20, 0.95) == pytest.approx((1 - 0.1684, 1), abs=5e-5)
    assert clopper_pearson(0, 0, 0.95) == UNKNOWN


@pytest.mark.parametrize(("n", "confidence"), [(12, 0.9), (60, 0.95)])
def test_clopper_pearson_covers_at_least_its_confidence_at_every_rate(n: int, confidence: float) -> None:
    """Not by simulation: the coverage at a rate is a sum over the binomial distribution."""
    ends = [clopper_pearson(k, n, confidence) for k in range(n + 1)]
    score_ends = [wilson(k, n, confidence) for k in range(n + 1)]
    exact, mean = list[float](), list[float]()
    for rate in np.linspace(0.005, 0.995, 199):
        weights = stats.binom.pmf(np.arange(n + 1), n, rate)
        for found, intervals in ((exact, ends), (mean, score_ends)):
            inside = [(low or 0) <= rate <= (high or 0) for low, high in intervals]
            found.append(float(weights @ inside))
    assert min(exact) >= confidence
    # Wilson's covers its confidence on average, not everywhere.
    assert np.mean(mean) == pytest.approx(confidence, abs=0.015)
    assert min(mean) < confidence


def test_a_difference_of_proportions_covers_as_often_as_it_says() -> None:
    random = np.random.default_rng(0)
    first, second = random.binomial(300, 0.97, 1000), random.binomial(200, 0.92, 1000)
    covered = 0
    for ours, theirs in zip(first.tolist(), second.tolist(), strict=True):
        low, high = difference((ours / 300, wilson(ours, 300, 0.95)), (theirs / 200, wilson(theirs, 200, 0.95)))
        assert low is not None
        assert high is not None
        covered += low <= 0.05 <= high
    assert 0.93 <= covered / 1000 <= 0.975
    assert difference((0.5, (0.4, 0.6)), (0.5, UNKNOWN)) == UNKNOWN
