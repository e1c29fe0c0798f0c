"""Which numbers, and which lengths of texts, lie far from the others of the training rows."""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.engines.profiling.rows import Rows
from modelyard.methods import outliers

SHOWN = 20


def find(rows: Rows) -> Findings:
    """Rows with a modified z-score beyond 3.5 in some column, and the farthest value of each column.

    Lengths of texts are taken as logarithms: a text may be ten times as long as another.
    """
    names = [
        *rows.inputs("number"),
        *(["target"] if rows.kinds.get("target") == "number" else []),
        *rows.inputs("text"),
    ]
    far = {split: np.zeros(len(ids), dtype=bool) for split, ids in rows.ids.items()}
    table, shares = [], {}
    for name in names:
        usual = _values(rows, rows.training, name)
        if np.isnan(usual).all():
            continue
        scores = {split: outliers.scores(_values(rows, split, name), usual) for split in rows.splits}
        beyond = {split: np.abs(found) > outliers.FAR for split, found in scores.items()}
        for split in far:
            far[split] |= beyond[split]
        number = sum(int(found.sum()) for found in beyond.values())
        if number:
            table.append([name, number, *_farthest(rows, name, scores)])
            shares[name] = number / rows.total
    measures = {"outlier_share": Measure(sum(int(part.sum()) for part in far.values()) / rows.total, n=rows.total)}
    if not table:
        return Findings(measures, notes=["No value lies far from the others."])
    worst = sorted(shares, key=lambda name: -shares[name])[:SHOWN]
    figure = Figure("Outliers", "bar", "", "share of rows", [Series("rows", worst, [shares[name] for name in worst])])
    titles = ["column", "rows", "farthest value", "score", "split", "row"]
    table.sort(key=lambda row: -shares[str(row[0])])
    return Findings(measures, [Table("Values far from the others", titles, table)], [figure])


def _values(rows: Rows, split: str, name: str) -> np.ndarray:
    if rows.kinds[name] == "number":
        return rows.numbers(split, name)
    return np.array(
        [np.nan if value is None else np.log1p(len(value)) for value in rows.splits[split][name]], dtype=np.float64
    )


def _farthest(rows: Rows, name: str, scores: dict[str, np.ndarray]) -> list[str | float | int]:
    split = max(scores, key=lambda split: np.nanmax(np.abs(scores[split]), initial=0.0))
    place = int(np.nanargmax(np.abs(scores[split])))
    value = rows.splits[split][name][place]
    shown = value if rows.kinds[name] == "number" else f"{len(value)} characters"
    return [shown, float(scores[split][place]), split, rows.ids[split][place]]
