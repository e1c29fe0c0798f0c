"""Scores of classifiers: against scikit-learn, at the edges, and in simulation."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.errors import ModelyardError
from modelyard.core.report import Findings, Measure
from modelyard.core.requirement import Requirement, Verdict
from modelyard.methods.classification_scores import judge


def simulate(n: int, k: int, *, seed: int = 0, signal: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities of a model that is often right."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, k, n)
    scores = random.normal(size=(n, k))
    scores[np.arange(n), targets] += signal
    powers = np.exp(scores)
    return targets, powers / powers.sum(axis=1, keepdims=True)


def judged(targets: Sequence[int] | np.ndarray, probabilities: np.ndarray, k: int, seed: int = 0) -> Findings:
    labels = [f"c{number}" for number in range(k)]
    targets = np.asarray(targets, dtype=np.int64)
    return judge(labels, targets, probabilities, np.arange(len(targets)), confidence=0.95, seed=seed)


def value(findings: Findings, name: str) -> float:
    found = findings.measures[name].value
    assert found is not None, name
    return found


@pytest.mark.parametrize("k", [2, 5])
def test_measures_agree_with_scikit_learn(k: int) -> None:
    targets, probabilities = simulate(400, k)
    predicted = probabilities.argmax(axis=1)
    found = judged(targets, probabilities, k)
    assert value(found, "accuracy") == pytest.approx(reference.accuracy_score(targets, predicted))
    assert value(found, "f1_micro") == pytest.approx(reference.f1_score(targets, predicted, average="micro"))
    for name in ("precision", "recall", "f1"):
        score = getattr(reference, f"{name}_score")
        assert value(found, f"{name}_macro") == pytest.approx(score(targets, predicted, average="macro"))
        assert value(found, name) == pytest.approx(score(targets, predicted, average="binary" if k == 2 else "macro"))
        each = score(targets, predicted, average=None)
        assert [value(found, f"{name}:c{number}") for number in range(k)] == pytest.approx(each)
    scores = probabilities[:, 1] if k == 2 else probabilities
    assert value(found, "roc_auc") == pytest.approx(reference.roc_auc_score(targets, scores, multi_class="ovr"))
    assert value(found, "log_loss") == pytest.approx(reference.log_loss(targets, probabilities))
    truth = targets if k == 2 else np.eye(k)[targets]
    assert value(found, "pr_auc") == pytest.approx(reference.average_precision_score(truth, scores))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 12), st.integers(1, 4), st.integers(0, 100))
def test_small_splits_give_finite_numbers_or_none_and_intervals_that_hold_them(n: int, k: int, seed: int) -> None:
    targets, probabilities = simulate(n, k, seed=seed)
    for name, measure in judged(targets, probabilities, k).measures.items():
        assert measure.value is None or np.isfinite(measure.value), name
        # The mirrored interval of the calibration error takes out its bias, so it may leave the value aside.
        if measure.low is not None and measure.high is not None and name != "calibration_error":
            assert measure.value is not None
            assert measure.low - 1e-12 <= measure.value <= measure.high + 1e-12, name


def test_no_rows_at_all() -> None:
    found = judged([], np.zeros((0, 2)), 2)
    assert {measure.value for measure in found.measures.values()} == {None}
    assert found.figures == []
    json.dumps({name: measure.to_json() for name, measure in found.measures.items()}, allow_nan=False)


def test_a_class_without_rows_is_named_and_left_undefined() -> None:
    targets, probabilities = simulate(60, 3)
    found = judged(np.minimum(targets, 1), probabilities * [1, 1, 0], 3)
    assert found.measures["recall:c2"] == Measure(None, n=0)
    assert any("'c2'" in note for note in found.notes)
    assert value(found, "roc_auc") > 0.5
    assert value(found, "f1_macro") == pytest.approx((value(found, "f1:c0") + value(found, "f1:c1")) / 2)


def test_one_class_only_has_no_ranking() -> None:
    found = judged([1, 1, 1], np.array([[0.2, 0.8]] * 3), 2)
    assert found.measures["roc_auc"].value is None
    assert found.measures["pr_auc"].value is None
    assert value(found, "accuracy") == 1


def test_a_few_rows_without_an_error_prove_little() -> None:
    found = judged([0, 1] * 3, np.eye(2)[[0, 1] * 3], 2).measures
    for name in ("accuracy", "precision", "recall", "f1", "f1_macro", "precision_macro", "roc_auc", "pr_auc"):
        low = found[name].low
        assert low is not None, name
        assert low < 0.9, name
    needed = Requirement.parse("f1", {"at_least": 0.94, "confidence": 0.95})
    assert needed.judge(found).verdict is Verdict.INCONCLUSIVE


def test_a_probability_that_is_not_a_number_is_the_models_fault() -> None:
    with pytest.raises(ModelyardError, match="1 of 2 rows"):
        judged([0, 1], np.array([[np.nan, 1.0], [0.5, 0.5]]), 2)


def test_rows_keep_what_was_answered() -> None:
    found = judge(["ham", "spam"], np.array([1, 0]), np.array([[0.3, 0.7], [0.4, 0.6]]), np.array([7, 9]),
                  confidence=0.95, seed=0)  # fmt: skip
    assert found.rows is not None
    assert found.rows.to_pylist() == [
        {"row": 7, "label": "spam", "predicted": "spam", "score": 0.7, "probabilities": [0.3, 0.7]},
        {"row": 9, "label": "ham", "predicted": "spam", "score": 0.6, "probabilities": [0.4, 0.6]},
    ]


def test_figures_and_tables_show_the_counts() -> None:
    found = judged([0, 0, 1, 1], np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.1, 0.9]]), 2)
    figures = {figure.title: figure for figure in found.figures}
    assert figures["Confusion matrix"].cells == [[1, 1], [0, 2]]
    assert set(figures) == {"Confusion matrix", "Calibration", "ROC curve", "Precision–recall curve"}
    assert found.tables[0].rows == [["c0", 1.0, 0.5, 2 / 3, 2], ["c1", 2 / 3, 1.0, 0.8, 2]]


def test_a_matrix_of_many_classes_shows_those_with_the_most_errors() -> None:
    targets, probabilities = simulate(500, 40)
    matrix = judged(targets, probabilities, 40).figures[0]
    assert len(matrix.cells) == len(matrix.x_names) == 30
    assert "30 of 40" in matrix.title


@pytest.mark.parametrize("name", ["accuracy", "f1", "f1_macro", "recall_macro", "roc_auc", "pr_auc", "log_loss"])
def test_intervals_cover_the_truth_of_the_population(name: str, populations: tuple[Findings, list[Findings]]) -> None:
    population, samples = populations
    truth = value(population, name)
    intervals = [(found.measures[name].low, found.measures[name].high) for found in samples]
    covered = [low <= truth <= high for low, high in intervals if low is not None and high is not None]
    assert len(covered) == len(samples)
    assert 0.87 <= np.mean(covered) <= 1


def test_calibration_error_is_covered_although_it_is_biased(populations: tuple[Findings, list[Findings]]) -> None:
    population, samples = populations
    truth = value(population, "calibration_error")
    ends = [(found.measures["calibration_error"].low, found.measures["calibration_error"].high) for found in samples]
    assert np.mean([low <= truth <= high for low, high in ends if low is not None and high is not None]) >= 0.85


@pytest.fixture(scope="module")
def populations() -> tuple[Findings, list[Findings]]:
    """The scores of 100,000 rows, and of 100 samples of 300 of them."""
    targets, probabilities = simulate(100_000, 2, signal=2.5)
    random = np.random.default_rng(5)
    samples = []
    for seed in range(100):
        rows = random.integers(0, len(targets), 300)
        samples.append(judged(targets[rows], probabilities[rows], 2, seed=seed))
    return judged(targets[:30_000], probabilities[:30_000], 2), samples
