"""Tables and declarative figures of a classifier's evaluation. Knows an outcome and its measures; draws nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modelyard.core.report import Figure, Measure, Series, Table
from modelyard.methods.calibration import reliability_figure
from modelyard.methods.outcome import Outcome
from modelyard.methods.ranking_scores import cumulative_counts

CURVE_POINTS = 200
CURVES = 6
"""Of more than two classes, so many have their curves drawn; as many colours are told apart."""
MATRIX_CLASSES = 30
"""A confusion matrix of more classes cannot be read; it shows those with the most errors."""


def write_tables(labels: Sequence[str], each: Mapping[str, Sequence[Measure]]) -> list[Table]:
    """Precision, recall, F1 and the number of rows (support) of each class."""
    rows = [
        [label, each["precision"][number].value, each["recall"][number].value, each["f1"][number].value, recall.n]
        for number, (label, recall) in enumerate(zip(labels, each["recall"], strict=True))
    ]
    return [Table("Per class", ["class", "precision", "recall", "F1", "support"], rows)]


def draw_figures(outcome: Outcome, confidence: float) -> list[Figure]:
    """Confusion matrix, reliability diagram, ROC and precision–recall curves (one against the rest)."""
    if outcome.n == 0:
        return []
    figures = [_confusion_matrix(outcome), reliability_figure(outcome.score, outcome.right, confidence)]
    return figures + _curves(outcome)


def _confusion_matrix(outcome: Outcome) -> Figure:
    k = len(outcome.labels)
    cells = np.zeros((k, k), dtype=np.int64)
    np.add.at(cells, (outcome.targets, outcome.predictions), 1)
    title, shown = "Confusion matrix", np.arange(k)
    if k > MATRIX_CLASSES:
        errors = cells.sum(axis=0) + cells.sum(axis=1) - 2 * cells.diagonal()
        shown = np.sort(np.argsort(-errors, kind="stable")[:MATRIX_CLASSES])
        title = f"Confusion matrix ({MATRIX_CLASSES} of {k} classes, those with the most errors)"
    names = [outcome.labels[number] for number in shown]
    return Figure(
        title=title,
        kind="matrix",
        x_label="predicted",
        y_label="true",
        cells=cells[np.ix_(shown, shown)].tolist(),
        x_names=names,
        y_names=names,
    )


def _curves(outcome: Outcome) -> list[Figure]:
    """Of the positive class of two; of more, of those with the most rows. A class without rows has no curve."""
    support = np.bincount(outcome.targets, minlength=len(outcome.labels))
    ranked = [number for number in outcome.ranked if 0 < support[number] < outcome.n]
    shown = sorted(sorted(ranked, key=lambda number: -support[number])[:CURVES])
    if not shown:
        return []
    roc, precision = zip(*(_curves_of(outcome, number) for number in shown), strict=True)
    return [
        Figure("ROC curve", "line", "false positive rate", "true positive rate", roc, diagonal=True),
        Figure("Precision–recall curve", "line", "recall", "precision", precision),
    ]


def _curves_of(outcome: Outcome, number: int) -> tuple[Series, Series]:
    scores, positive = outcome.probabilities[:, number], outcome.targets == number
    true, false = (counts[0] for counts in cumulative_counts(scores, positive, np.ones((1, outcome.n))))
    thinned = np.unique(np.linspace(0, len(true) - 1, CURVE_POINTS).round().astype(int))
    recall = (true / true[-1])[thinned]
    fall_out = (false / false[-1])[thinned]
    # No row above the first threshold: the curve begins at the precision of the first one.
    precision = np.divide(true, true + false, out=np.ones_like(true), where=true + false > 0)[thinned]
    name = outcome.labels[number]
    return Series(name, fall_out.tolist(), recall.tolist()), Series(name, recall.tolist(), precision.tolist())
