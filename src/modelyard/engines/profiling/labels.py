"""Labels that are probably wrong: confident learning with a simple model, cross-validated."""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Table
from modelyard.engines.profiling.duplicates import grey
from modelyard.engines.profiling.rows import Rows
from modelyard.methods import confident_learning, hashed_words, softmax_regression, splitting
from modelyard.methods.softmax_regression import SparseRows

SHOWN = 30
LARGEST = 3.0
"""Deviations that a number counts for at most: an outlier does not rule a linear model."""
SIDE = 16
"""Pixels that images are scaled to."""


def find(rows: Rows, folds: int, seed: int) -> Findings:
    """Rows whose label a model that did not see them takes for another class.

    The model is multinomial logistic regression: over words of texts, over standardized numbers and categories, or
    over small grey images. What it cannot learn it cannot suspect.
    """
    labels = rows.all("label") if "label" in rows.kinds else []
    numbers = {name: number for number, name in enumerate(rows.labels)}
    places = np.array([place for place, label in enumerate(labels) if label is not None], dtype=np.int64)
    given = np.array([numbers[labels[place]] for place in places], dtype=np.int64)
    if len(given) < 2 * folds or len(rows.labels) < 2:
        return Findings({"label_error_share": Measure(None)})
    sparse = _as_rows(rows).take(places)
    parts = splitting.stratified(given, [1 / folds] * folds, seed)
    probabilities = softmax_regression.cross_validated(sparse, given, len(rows.labels), parts)
    found, seems = confident_learning.suspects(probabilities, given)
    right = float((probabilities.argmax(axis=1) == given).mean())
    note = (
        f"Suspected labels: confident learning (Northcutt, Jiang and Chuang 2021) over {folds} folds of a logistic "
        f"regression that gives the label in {right:.1%} of the rows. Look at them before you change them."
    )
    measures = {"label_error_share": Measure(len(found) / len(given), n=len(given))}
    if not len(found):
        return Findings(measures, notes=[note])
    cells = np.zeros((len(rows.labels),) * 2)
    np.add.at(cells, (given[found], seems), 1)
    figure = Figure(
        "Suspected labels", "matrix", "seems", "label", cells=cells.tolist(), x_names=rows.labels, y_names=rows.labels
    )
    where, excerpts = rows.places(), rows.excerpts()
    shown = [
        [
            *where[places[row]],
            rows.labels[given[row]],
            rows.labels[seem],
            float(probabilities[row, seem]),
            excerpts[places[row]],
        ]
        for row, seem in list(zip(found, seems, strict=True))[:SHOWN]
    ]
    table = Table("Suspected labels", ["split", "row", "label", "seems", "probability", "begins"], shown)
    return Findings(measures, [table], [figure], [note])


def _as_rows(rows: Rows) -> SparseRows:
    texts, numbers, images = rows.inputs("text"), rows.inputs("number"), rows.inputs("other")
    if texts and not numbers and "features" not in rows.kinds:
        values = zip(*map(rows.all, texts), strict=True)
        return hashed_words.rows(["\n".join(text or "" for text in row) for row in values])
    if images and isinstance(rows.all(images[0])[0], bytes):
        return _dense(np.stack([grey(image, (SIDE, SIDE)).ravel() for image in rows.all(images[0])]))
    columns = [np.concatenate([rows.numbers(split, name) for split in rows.splits]) for name in numbers]
    for name in texts:
        cells = rows.all(name)
        columns += [np.array([cell == value for cell in cells], dtype=np.float64) for value in _frequent(cells)]
    return _dense(np.stack(columns, axis=1))


def _frequent(cells: list[str | None]) -> list[str]:
    names, counts = np.unique([cell for cell in cells if cell is not None], return_counts=True)
    return [str(name) for name in names[np.argsort(-counts, kind="stable")][:50]]


def _dense(values: np.ndarray) -> SparseRows:
    """Standardized columns, gaps at the mean, none beyond three deviations, rows of length about 1."""
    deviation = np.nanstd(values, axis=0)
    scaled = (values - np.nanmean(values, axis=0)) / np.where(deviation > 0, deviation, 1.0)
    scaled = np.clip(np.nan_to_num(scaled), -LARGEST, LARGEST) / np.sqrt(values.shape[1])
    n, width = scaled.shape
    return SparseRows(np.arange(0, n * width + 1, width), np.tile(np.arange(width), n), scaled.ravel(), width)
