"""What averaging over members is worth, and whether their disagreement tells the wrong answers, as findings.

Knows outcomes, no model.
"""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Table
from modelyard.methods import selective_report
from modelyard.methods.bootstrap import percentile_interval, resample_rows, widest
from modelyard.methods.calibration import calibration_error
from modelyard.methods.intervals import roc_auc_interval
from modelyard.methods.outcome import Outcome
from modelyard.methods.proportions import proportion
from modelyard.methods.ranking_scores import roc_auc
from modelyard.methods.uncertainty import decompose

MEASURES = (
    "averaged_accuracy",
    "averaged_log_loss",
    "averaged_calibration_error",
    "error_auc",
    "data_uncertainty",
    "knowledge_uncertainty",
)
_SHOWN = 20


def judge(single: Outcome, members: np.ndarray, *, confidence: float, seed: int) -> Findings:
    """Hold the mean of several answers against one of them.

    ``averaged_*`` are the scores of the mean. ``error_auc`` is the probability that a wrong answer is more uncertain
    (by the entropy of the mean) than a right one. ``data_uncertainty`` and ``knowledge_uncertainty`` are means in nats.

    Args:
        single: what the model answers alone, on n rows, n at least 1.
        members: probabilities (members, n, classes), classes in the same order.
        confidence: of every interval.
        seed: of the bootstrap.
    """
    n, found = single.n, decompose(members)
    averaged = Outcome(single.labels, single.targets, found.mean, single.rows)
    wrong = ~averaged.right
    hits = int(averaged.right.sum())
    blocks = {"data_uncertainty": found.data, "knowledge_uncertainty": found.knowledge, "log_loss": _losses(averaged)}

    def scores(weights: np.ndarray) -> dict[str, np.ndarray]:
        means = {name: weights @ each / weights.sum(axis=1) for name, each in blocks.items()}
        return {**means, "calibration_error": calibration_error(averaged.score, averaged.right, weights)}

    values = {name: float(value[0]) for name, value in scores(np.ones((1, n))).items()}
    resampled = resample_rows(n, scores, seed=seed)
    measures = {"averaged_accuracy": proportion(hits, n, confidence)}
    for name, value in values.items():
        interval = widest(value, percentile_interval(resampled[name], confidence))
        shown = name if name in MEASURES else f"averaged_{name}"
        unit = "" if name == "calibration_error" else "nat"
        measures[shown] = Measure(value, *interval, n=n, unit=unit, confidence=confidence)
    area = float(roc_auc(found.total, wrong, np.ones((1, n)))[0])
    ends = roc_auc_interval(area, n - hits, hits, confidence) if np.isfinite(area) else (None, None)
    measures["error_auc"] = Measure(area, *ends, n=n, confidence=confidence)
    tables = [_compared(single, averaged), _most_uncertain(averaged, found.total, found.knowledge)]
    return Findings(
        measures, tables, [_curves(single, averaged, found.total, found.knowledge)], [_say(measures, members)]
    )


def _losses(outcome: Outcome) -> np.ndarray:
    given = outcome.probabilities[np.arange(outcome.n), outcome.targets]
    return np.asarray(-np.log(np.clip(given, np.finfo(np.float64).eps, 1.0)))


def _compared(single: Outcome, averaged: Outcome) -> Table:
    one = np.ones((1, single.n))
    rows: list[list[str | float | int | None]] = [
        [
            name,
            float(outcome.right.mean()),
            float(_losses(outcome).mean()),
            float(calibration_error(outcome.score, outcome.right, one)[0]),
        ]
        for name, outcome in (("one answer", single), ("averaged", averaged))
    ]
    return Table("One answer and the mean", ["answer", "accuracy", "log loss", "calibration error"], rows)


def _most_uncertain(outcome: Outcome, total: np.ndarray, knowledge: np.ndarray) -> Table:
    rows = [
        [
            int(outcome.rows[place]),
            outcome.labels[outcome.targets[place]],
            outcome.labels[outcome.predictions[place]],
            float(outcome.score[place]),
            float(total[place]),
            float(knowledge[place]),
        ]
        for place in np.argsort(-total, kind="stable")[:_SHOWN]
    ]
    return Table("The most uncertain rows", ["row", "label", "predicted", "score", "entropy", "disagreement"], rows)


def _curves(single: Outcome, averaged: Outcome, total: np.ndarray, knowledge: np.ndarray) -> Figure:
    return selective_report.picture(
        [
            ("score of one answer", single.score, single.right),
            ("entropy of the mean", -total, averaged.right),
            ("disagreement", -knowledge, averaged.right),
        ]
    )


def _say(measures: dict[str, Measure], members: np.ndarray) -> str:
    area = measures["error_auc"]
    told = (
        f"a wrong answer is more uncertain than a right one with probability {area.value:.2f}"
        if area.value is not None
        else "all answers are alike right or wrong, so nobody can tell whether uncertainty shows the wrong ones"
    )
    return f"The mean of {len(members)} answers to each row: {told}."
