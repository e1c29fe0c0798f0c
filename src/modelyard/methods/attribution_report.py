"""Explained rows as a report: a picture of each, what matters over all of them, and how faithful it is.

Figures are data: words on a ground of their strength, an image with its patches laid over it, bars for columns.
Knows no method of explaining.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.core.task import Units
from modelyard.methods import faithfulness
from modelyard.methods.faithfulness import Judged

SHOWN = 12
"""Bars of one row."""
SUMMED = 20
"""Bars over all rows."""
NAMED = 4
"""Parts that the table names for and against."""
LONGEST = 1500
"""Characters of a text that are drawn."""
GRID = np.linspace(0, 1, 21)
FINEST = 56
"""Cells along a side of a map over an image."""


@dataclass(frozen=True)
class Explained:
    """One row and the attributions of its parts.

    Attributes:
        row: its number in its source.
        label: the class that is explained; None for a predicted number.
        answer: the model's answer: that class's probability, or the number.
        base: the answer without any part, as far as the method knows it.
        weights: attribution of each part, float64 [units].
        map: finer attributions over an image, float64 [height, width].
        figures: what else the method says of the row (fit, completeness), by name.
    """

    row: int
    label: str | None
    answer: float
    base: float | None
    units: Units
    weights: np.ndarray
    judged: Judged
    map: np.ndarray | None = None
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Row, class and answer in words."""
        return f"Row {self.row}: {self.label or 'value'} {self.answer:.3g}"


def findings(rows: Sequence[Explained], *, confidence: float, seed: int, notes: Sequence[str] = ()) -> Findings:
    """Measures, tables and figures of the explained rows; one row each in ``rows`` for other programs."""
    scores = [{**row.judged.scores, **row.figures} for row in rows]
    measures: dict[str, Measure] = faithfulness.measures(scores, confidence=confidence, seed=seed)
    return Findings(
        measures,
        [_table(rows)],
        [_summary(rows), _curves(rows), *(picture(row) for row in rows)],
        notes,
        _arrow(rows),
    )


def picture(row: Explained) -> Figure:
    """The row with its attributions on it."""
    if row.units.kind == "word":
        return _strip(row)
    if row.units.kind == "patch":
        return _overlay(row)
    order = np.argsort(-np.abs(row.weights), kind="stable")[:SHOWN]
    names, heights = [row.units.names[unit] for unit in order], [float(row.weights[unit]) for unit in order]
    return Figure(row.title, "bar", "", "attribution", [Series("attribution", names, heights)])


def _strip(row: Explained) -> Figure:
    text, strengths = str(row.units.content), _scaled(row.weights)
    pieces, grounds, end = [], [], 0
    for (start, stop), strength in zip(row.units.places, strengths.tolist(), strict=True):
        pieces += [text[end:start], text[start:stop]]
        grounds += [0.0, strength]
        end = stop
    pieces.append(text[end:])
    grounds.append(0.0)
    length = np.cumsum([len(piece) for piece in pieces])
    count = int(np.searchsorted(length, LONGEST)) + 1
    return Figure(row.title, "text", x_names=pieces[:count], cells=[grounds[:count]])


def _overlay(row: Explained) -> Figure:
    content = row.units.content if isinstance(row.units.content, bytes) else b""
    grid = _on_grid(row.units, row.weights) if row.map is None else _coarse(row.map)
    return Figure(
        row.title, "image", cells=_scaled(grid).round(4).tolist(), picture=base64.b64encode(content).decode("ascii")
    )


def _on_grid(units: Units, weights: np.ndarray) -> np.ndarray:
    """The attributions as rows and columns of patches."""
    rows = len({place[0] for place in units.places})
    return weights.reshape(rows, -1)


def _coarse(heat: np.ndarray) -> np.ndarray:
    """The mean over cells, so that a report stays small."""
    rows, columns = (np.linspace(0, size, min(FINEST, size) + 1).astype(int)[:-1] for size in heat.shape)
    total = np.add.reduceat(np.add.reduceat(heat, rows, axis=0), columns, axis=1)
    heights, widths = (np.diff([*starts, size]) for starts, size in zip((rows, columns), heat.shape, strict=True))
    return np.asarray(total / np.outer(heights, widths))


def _scaled(weights: np.ndarray) -> np.ndarray:
    """From -1 to 1, the strongest at an end."""
    largest = float(np.abs(weights).max(initial=0.0))
    return weights / largest if largest > 0 else np.zeros_like(weights)


def _summary(rows: Sequence[Explained]) -> Figure:
    """Mean absolute attribution: of a column, of a word wherever it stands, or of each place of an image."""
    title = "Mean absolute attribution"
    if all(row.units.kind == "patch" for row in rows):
        grids = [np.abs(_on_grid(row.units, row.weights)) for row in rows]
        alike = [grid for grid in grids if grid.shape == grids[0].shape]
        return Figure(title, "image", cells=_scaled(np.mean(alike, axis=0)).round(4).tolist())
    totals: dict[str, float] = {}
    for row in rows:
        for name, weight in zip(row.units.names, np.abs(row.weights).tolist(), strict=True):
            key = name.casefold() if row.units.kind == "word" else name
            totals[key] = totals.get(key, 0.0) + weight / len(rows)
    best = sorted(totals, key=lambda name: (-totals[name], name))[:SUMMED]
    return Figure(
        title, "bar", "", "mean a row", [Series("mean absolute attribution", best, [totals[n] for n in best])]
    )


def _curves(rows: Sequence[Explained]) -> Figure:
    """The mean curves of deletion, of the explanation and of random orders."""
    ours = [np.interp(GRID, row.judged.curves.shares, row.judged.curves.deletion) for row in rows]
    others = [np.interp(GRID, item.shares, item.deletion) for row in rows for item in row.judged.random]
    series = [
        Series(name, GRID.round(3).tolist(), np.mean(lines, axis=0).tolist())
        for name, lines in (("most important first", ours), ("random order", others))
    ]
    return Figure("Deletion: the answer as parts are left out", "line", "share of parts left out", "answer", series)


def _table(rows: Sequence[Explained]) -> Table:
    columns = ["row", "class", "answer", "for it", "against it", "deletion AUC", "random"]
    cells: list[list[str | float | int | None]] = []
    for row in rows:
        order = np.argsort(-row.weights, kind="stable")
        best = [row.units.names[unit] for unit in order[:NAMED] if row.weights[unit] > 0]
        worst = [row.units.names[unit] for unit in order[::-1][:NAMED] if row.weights[unit] < 0]
        scores = row.judged.scores
        cells.append(
            [
                row.row,
                row.label or "value",
                row.answer,
                ", ".join(best),
                ", ".join(worst),
                scores["deletion_auc"],
                scores["deletion_auc_random"],
            ]
        )
    return Table("Explained rows", columns, cells)


def _arrow(rows: Sequence[Explained]) -> object:
    import pyarrow as pa

    return pa.table(
        {
            "row": pa.array([row.row for row in rows], pa.int64()),
            "label": pa.array([row.label for row in rows], pa.string()),
            "answer": pa.array([row.answer for row in rows], pa.float64()),
            "base": pa.array([row.base for row in rows], pa.float64()),
            "units": pa.array([list(row.units.names) for row in rows], pa.list_(pa.string())),
            "weights": pa.array([row.weights.tolist() for row in rows], pa.list_(pa.float64())),
        }
    )
