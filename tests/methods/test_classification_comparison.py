"""The paired comparison of two classifiers."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from modelyard.core.errors import InputError
from modelyard.core.report import Findings
from modelyard.core.requirement import Requirement, Verdict
from modelyard.methods.classification_scores import compare, judge
from modelyard.methods.paired import mcnemar_p

LABELS = ["ham", "spam"]


def sms(n: int = 1_115, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Targets and probabilities as of a good spam filter: an eighth is spam, one in a hundred is wrong."""
    random = np.random.default_rng(seed)
    targets = (random.random(n) < 0.13).astype(np.int64)
    score = np.where(random.random(n) < 0.01, 1 - targets, targets) * 0.8 + random.uniform(0.05, 0.15, n)
    return targets, np.stack([1 - score, score], axis=1)


def judged(targets: np.ndarray, probabilities: np.ndarray, labels: list[str] = LABELS) -> Findings:
    return judge(labels, targets, probabilities, np.arange(len(targets)), confidence=0.95, seed=0)


def compared(ours: Findings, reference: Findings) -> Findings:
    return compare(ours, reference, confidence=0.95, seed=0)


def flip(probabilities: np.ndarray, rows: np.ndarray) -> np.ndarray:
    changed = probabilities.copy()
    changed[rows] = changed[rows, ::-1]
    return changed


def test_every_drop_is_the_references_measure_minus_ours() -> None:
    targets, probabilities = sms()
    reference, ours = judged(targets, probabilities), judged(targets, flip(probabilities, np.arange(0, 300, 10)))
    found = compared(ours, reference).measures
    for name, measure in reference.measures.items():
        assert measure.value is not None
        expected = measure.value - (ours.measures[name].value or 0)
        drop = found[f"{name}_drop"]
        assert drop.value == pytest.approx(expected, abs=1e-12), name
        assert drop.low is not None and drop.high is not None and drop.low <= expected <= drop.high, name  # noqa: PT018
    assert found["agreement"].value == pytest.approx(1 - 30 / 1_115)
    assert found["largest_difference"].value == pytest.approx(0.9, abs=0.05)


def test_a_bound_of_half_a_point_can_be_judged_where_models_nearly_agree() -> None:
    targets, probabilities = sms()
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != targets)
    right = np.flatnonzero(probabilities.argmax(axis=1) == targets)
    reference = judged(targets, probabilities)
    needed = Requirement.parse("accuracy", {"max_drop": 0.005, "confidence": 0.95})
    for changed, verdict in [
        (np.array([], dtype=int), Verdict.MET),
        (np.array([wrong[0], right[0], right[1]]), Verdict.MET),
        (right[:40], Verdict.NOT_MET),
        (right[:5], Verdict.INCONCLUSIVE),
    ]:
        found = compared(judged(targets, flip(probabilities, changed)), reference).measures
        assert needed.judge(found).verdict is verdict, len(changed)


def test_agreement_on_a_few_rows_proves_no_equality() -> None:
    targets, probabilities = sms(30)
    assert set(targets) == {0, 1}
    found = compared(judged(targets, probabilities), judged(targets, probabilities)).measures
    for name in ("accuracy", "f1", "f1_macro", "roc_auc", "pr_auc"):
        needed = Requirement.parse(name, {"max_drop": 0.005, "confidence": 0.95})
        assert needed.judge(found).verdict is Verdict.INCONCLUSIVE, name


def test_paired_interval_is_narrower_than_the_two_apart() -> None:
    targets, probabilities = sms()
    reference, ours = judged(targets, probabilities), judged(targets, flip(probabilities, np.array([3, 5, 800])))
    drop = compared(ours, reference).measures["f1_drop"]
    alone = ours.measures["f1"]
    assert drop.low is not None and drop.high is not None  # noqa: PT018
    assert alone.low is not None and alone.high is not None  # noqa: PT018
    assert drop.high - drop.low < (alone.high - alone.low) * 0.8


def noisy(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Targets, probabilities of a fair model, and of the same with noise on its scores, as of a coarse quantization."""
    random = np.random.default_rng(3)
    targets = (random.random(n) < 0.3).astype(np.int64)
    scores = random.normal(size=n) + 2.5 * targets - 1.2
    pair = [1 / (1 + np.exp(-score)) for score in (scores, scores + random.normal(0, 0.7, n))]
    return targets, np.stack([1 - pair[0], pair[0]], axis=1), np.stack([1 - pair[1], pair[1]], axis=1)


@pytest.mark.slow
def test_drop_intervals_cover_the_true_drop() -> None:
    names = ("accuracy", "f1", "roc_auc", "pr_auc", "log_loss")
    targets, probabilities, worse = noisy(20_000)
    reference, ours = judged(targets, probabilities).measures, judged(targets, worse).measures
    truth = {name: (reference[name].value or 0) - (ours[name].value or 0) for name in names}
    covered: dict[str, list[bool]] = {name: [] for name in names}
    random = np.random.default_rng(4)
    for _ in range(30):
        rows = random.integers(0, 20_000, 300)
        found = compared(judged(targets[rows], worse[rows]), judged(targets[rows], probabilities[rows]))
        for name in names:
            drop = found.measures[f"{name}_drop"]
            assert drop.low is not None and drop.high is not None  # noqa: PT018
            covered[name].append(drop.low <= truth[name] <= drop.high)
    assert {name: float(np.mean(hits)) for name, hits in covered.items() if np.mean(hits) < 0.86} == {}


def test_rows_are_joined_by_their_number() -> None:
    targets, probabilities = sms(200)
    reference, ours = judged(targets, probabilities), judged(targets, probabilities)
    assert ours.rows is not None
    shuffled = replace(ours, rows=ours.rows.take(np.random.default_rng(0).permutation(200)))
    assert compared(shuffled, reference).measures["agreement"].value == 1


def test_other_rows_or_labels_are_refused() -> None:
    targets, probabilities = sms(50)
    reference = judged(targets, probabilities)
    with pytest.raises(InputError, match="other rows: 40 and 50, 40 of them shared"):
        compared(judged(targets[:40], probabilities[:40]), reference)
    with pytest.raises(InputError, match="other rows"):
        compared(judged(1 - targets, probabilities), reference)
    with pytest.raises(InputError, match="other labels: spam, ham and ham, spam"):
        compared(judged(targets, probabilities, ["spam", "ham"]), reference)
    with pytest.raises(InputError, match="no classified rows"):
        compared(Findings({}), reference)


def test_many_classes_and_no_rows_are_compared_too() -> None:
    random = np.random.default_rng(0)
    targets, probabilities = random.integers(0, 6, 90), random.dirichlet(np.ones(6), 90)
    labels = list("abcdef")
    found = compared(judged(targets, probabilities, labels), judged(targets, probabilities, labels)).measures
    assert found["roc_auc_drop"].value == 0
    empty = judged(np.zeros(0, dtype=int), np.zeros((0, 6)), labels)
    assert {measure.value for measure in compared(empty, empty).measures.values()} == {None}


@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (3, 9), (10, 10), (40, 90), (900, 1100)])
def test_mcnemar_is_the_exact_binomial_test(first: int, second: int) -> None:
    n = first + second
    tail = sum(math.comb(n, hits) for hits in range(min(first, second) + 1))
    assert mcnemar_p(first, second) == pytest.approx(float(min(Fraction(1), Fraction(2 * tail, 2**n))), rel=1e-6)
