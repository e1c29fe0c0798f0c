"""How well a simple model imitates another one, on rows that it did not learn from. Knows neither of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods import bootstrap, intervals


def judge(
    answers: np.ndarray, expected: np.ndarray, labels: Sequence[str], confidence: float, seed: int
) -> dict[str, Measure]:
    """``fidelity`` and ``fidelity_f1`` of classes, or ``fidelity_r2`` of numbers.

    Args:
        answers: of the imitation, [rows, classes] or [rows, 1].
        expected: of the model that is imitated, of the same shape.
        labels: the classes; of two the last one's F1 is taken, of more the mean of all.
    """
    n = len(expected)
    if not labels:
        return {"fidelity_r2": _bootstrapped(_r2(answers[:, 0], expected[:, 0]), n, confidence, seed)}
    ours, theirs = answers.argmax(axis=1), expected.argmax(axis=1)
    same = int((ours == theirs).sum())
    fidelity = Measure(same / n, *intervals.wilson(same, n, confidence), n=n, confidence=confidence)
    classes = range(1, 2) if len(labels) == 2 else range(len(labels))
    statistic = _f1(ours, theirs, list(classes))
    f1 = _bootstrapped(statistic, n, confidence, seed)
    if len(labels) == 2:
        hits, errors = int(((ours == 1) & (theirs == 1)).sum()), n - same
        f1 = Measure(f1.value, *intervals.f1_interval(hits, errors, confidence), n=n, confidence=confidence)
    return {"fidelity": fidelity, "fidelity_f1": f1}


def _f1(ours: np.ndarray, theirs: np.ndarray, classes: Sequence[int]) -> bootstrap.Statistics:
    """Mean F1 of classes; one that neither names in a resample counts for nothing."""
    hits = np.stack([(ours == one) & (theirs == one) for one in classes], axis=1).astype(float)
    named = np.stack([(ours == one) * 1.0 + (theirs == one) for one in classes], axis=1)

    def statistic(counts: np.ndarray) -> dict[str, np.ndarray]:
        there = counts @ named
        scores = np.where(there > 0, 2 * (counts @ hits) / np.maximum(there, 1), 0.0)
        with np.errstate(invalid="ignore"):
            return {"value": scores.sum(axis=1) / (there > 0).sum(axis=1)}

    return statistic


def _r2(ours: np.ndarray, theirs: np.ndarray) -> bootstrap.Statistics:
    def statistic(counts: np.ndarray) -> dict[str, np.ndarray]:
        mean = (counts @ theirs / counts.sum(axis=1))[:, None]
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = (counts * (theirs - mean) ** 2).sum(axis=1)
            return {"value": 1 - counts @ (ours - theirs) ** 2 / spread}

    return statistic


def _bootstrapped(statistic: bootstrap.Statistics, n: int, confidence: float, seed: int) -> Measure:
    value = float(statistic(np.ones((1, n)))["value"][0])
    values = bootstrap.resample_rows(n, statistic, seed=seed)["value"]
    return Measure(value, *bootstrap.percentile_interval(values, confidence), n=n, confidence=confidence)
