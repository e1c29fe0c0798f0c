"""Which values are missing."""

from __future__ import annotations

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.engines.profiling.rows import Rows

SHOWN = 20


def find(rows: Rows) -> Findings:
    """Share of missing cells, and which columns they are in; rows without an answer on purpose do not count."""
    missing = {
        split: {name: sum(value is None for value in values) for name, values in columns.items()}
        for split, columns in rows.splits.items()
        if split != "unlabelled"
    }
    cells = sum(len(rows.ids[split]) * len(columns) for split, columns in missing.items())
    total = sum(sum(columns.values()) for columns in missing.values())
    names = [name for name in rows.kinds if any(columns[name] for columns in missing.values())]
    names.sort(key=lambda name: -sum(columns[name] for columns in missing.values()))
    measure = Measure(total / cells if cells else None, n=cells)
    if not names:
        return Findings({"missing_share": measure}, notes=["No value is missing."])
    table = Table(
        "Missing values", ["column", *missing], [[name, *(part[name] for part in missing.values())] for name in names]
    )
    series = [
        Series(split, names[:SHOWN], [part[name] / len(rows.ids[split]) for name in names[:SHOWN]])
        for split, part in missing.items()
        if rows.ids[split]
    ]
    return Findings({"missing_share": measure}, [table], [Figure("Missing values", "bar", "", "share of rows", series)])
