"""Calibration, conformal sets and abstention: known answers, reference implementations, coverage in simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from modelyard.methods import conformal, isotonic, selective, temperature
from modelyard.methods.class_predictions import softmax
from modelyard.methods.selective_report import judge


def drawn(n: int, k: int, seed: int, sharpness: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that is ``sharpness`` times too sure, and classes drawn from the true ones."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(n, k))
    truth = softmax(logits)
    targets = (random.random((n, 1)) > truth.cumsum(axis=1)).sum(axis=1).clip(0, k - 1)
    return softmax(sharpness * logits), targets


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_temperature_finds_how_much_too_sure_a_model_is(sharpness: float) -> None:
    probabilities, targets = drawn(20_000, 4, seed=1, sharpness=sharpness)
    found = temperature.fit(probabilities, targets)
    assert found == pytest.approx(sharpness, rel=0.04)
    losses = [
        -np.log(temperature.scale(probabilities, t)[np.arange(len(targets)), targets]).mean()
        for t in (0.95 * found, found, 1.05 * found)
    ]
    assert losses[1] == min(losses)


@given(st.floats(0.05, 20))
def test_temperature_keeps_the_order_and_undoes_itself(value: float) -> None:
    probabilities, _ = drawn(20, 5, seed=2)
    scaled = temperature.scale(probabilities, value)
    assert np.allclose(scaled.sum(axis=1), 1)
    assert (scaled.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert np.allclose(temperature.scale(scaled, 1 / value), probabilities, atol=1e-6)


def test_temperature_takes_certainty() -> None:
    sure = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert temperature.fit(sure, np.array([0, 1, 1])) == pytest.approx(100, rel=1e-3)
    assert np.isfinite(temperature.scale(sure, 2.0)).all()


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60))
def test_isotonic_is_scikit_learns(rows: list[tuple[int, bool]]) -> None:
    scores, hits = np.array([score / 12 for score, _ in rows]), np.array([float(hit) for _, hit in rows])
    curve = isotonic.fit_curve(scores, hits)
    expected = IsotonicRegression(out_of_bounds="clip").fit(scores, hits)
    asked = np.linspace(-0.1, 1.1, 50)
    assert np.allclose(curve(asked), expected.predict(asked))
    assert list(curve.y) == sorted(curve.y)


def test_isotonic_mends_what_temperature_cannot() -> None:
    random = np.random.default_rng(3)
    truth = random.random(20_000)
    targets = (random.random(20_000) < truth).astype(int)
    bent = np.stack([1 - truth**4, truth**4], axis=1)
    mended = isotonic.scale(bent, isotonic.fit(bent, targets))[:, 1]
    scaled = temperature.scale(bent, temperature.fit(bent, targets))[:, 1]
    assert np.abs(mended - truth).mean() < 0.02
    assert np.abs(scaled - truth).mean() > 0.1


def test_isotonic_of_many_classes_gives_probabilities() -> None:
    probabilities, targets = drawn(500, 4, seed=4)
    scaled = isotonic.scale(probabilities, isotonic.fit(probabilities, targets))
    assert np.allclose(scaled.sum(axis=1), 1)
    nothing = isotonic.Curve([0.0, 1.0], [0.0, 0.0])
    assert isotonic.scale(probabilities[:2], [nothing] * 4).tolist() == [[0.25] * 4] * 2


def test_misfits_by_hand() -> None:
    row = np.array([[0.2, 0.5, 0.3]])
    assert conformal.misfit(row, "lac")[0].tolist() == pytest.approx([0.8, 0.5, 0.7])
    assert conformal.misfit(row, "aps")[0].tolist() == pytest.approx([1.0, 0.5, 0.8])
    seven = np.full((1, 7), 1 / 7)
    penalties = conformal.misfit(seven, "raps")[0] - np.arange(1, 8) / 7
    assert penalties.tolist() == pytest.approx([0, 0, 0, 0, 0, 0.01, 0.02])


def test_the_threshold_is_the_right_order_statistic() -> None:
    misfits = np.arange(1, 20) / 20
    assert conformal.threshold(misfits, 0.9) == pytest.approx(18 / 20)
    assert conformal.threshold(misfits[:9], 0.9) == pytest.approx(9 / 20)
    assert conformal.threshold(misfits[:8], 0.9) == math.inf
    assert conformal.fewest_rows(0.9) == 9
    assert conformal.fewest_rows(0.95) == 19


@pytest.mark.parametrize("method", ["lac", "aps", "raps"])
@pytest.mark.parametrize("sharpness", [1.0, 4.0])
def test_sets_cover_as_often_as_they_promise_over_many_splits(method: conformal.Method, sharpness: float) -> None:
    """1,000 splits of 60 rows to fit and 40 to test, for a calibrated model and for one that is far too sure."""
    probabilities, targets = drawn(100_000, 8, seed=5, sharpness=sharpness)
    misfits = conformal.misfit(probabilities, method)
    of_truth = misfits[np.arange(len(targets)), targets].reshape(1000, 100)
    thresholds = np.array([conformal.threshold(part[:60], 0.8) for part in of_truth])
    covered = (of_truth[:, 60:] <= thresholds[:, None]).mean()
    # Between the level and one row more: exchangeable rows without ties.
    assert 0.8 - 0.01 <= covered <= 0.8 + 1 / 61 + (0.03 if sharpness == 4.0 else 0.01)
    chosen = conformal.sets(probabilities[:100], method, np.full(8, thresholds[0]))
    assert chosen.any(axis=1).all()
    assert (chosen.sum(axis=1) < 8).any()


def test_selective_risk_by_hand() -> None:
    scores, right = np.array([0.9, 0.8, 0.7, 0.6]), np.array([True, False, True, True])
    coverage, risk = selective.risk_coverage(scores, right, np.ones((1, 4)))
    assert coverage[0].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert risk[0].tolist() == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4])
    assert selective.area(scores, right, np.ones((1, 4)))[0] == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 4) / 4)
    assert selective.score_at(scores, 0.5) == 0.8
    assert selective.score_at(scores, 0.51) == 0.7
    assert selective.score_at(scores, 1.0) == 0.6


def test_scores_that_say_nothing_are_worth_the_error_rate() -> None:
    right = np.array([True, True, False, True])
    assert selective.area(np.zeros(4), right, np.ones((1, 4)))[0] == pytest.approx(0.25)
    weights = np.array([[1, 1, 2, 0], [0, 0, 3, 1]])
    doubled = selective.area(np.array([0.4, 0.3, 0.2, 0.1]), right, weights)
    assert doubled[0] == pytest.approx((0 + 0 + 2 * (2 / 4)) / 4)


def test_the_report_of_abstention_agrees_with_the_curve() -> None:
    random = np.random.default_rng(6)
    scores = random.random(400)
    right = random.random(400) < scores
    found = judge(scores, right, coverage=0.5, confidence=0.95, seed=0)
    answered = scores >= np.median(scores)
    assert found.measures["accuracy_at_coverage"].value == pytest.approx(right[answered].mean(), abs=0.01)
    assert found.measures["accuracy_at_coverage"].n == 200
    aurc = found.measures["aurc"]
    assert aurc.low is not None
    assert aurc.high is not None
    assert aurc.low < (aurc.value or 0) < aurc.high < 1 - right.mean()
    # The risk of surer and surer answers of this model: mean of 1 - s over [t, 1], averaged over t.
    assert aurc.value == pytest.approx(0.25, abs=0.05)
