"""How long texts are."""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Figure, Findings, Series, Table
from modelyard.engines.profiling.rows import Rows
from modelyard.methods.profiling import text_lengths

BINS = 20


def find(rows: Rows) -> Findings:
    """Characters of each text column, and how they spread; categories of a table are no texts here."""
    table: list[list[str | float]] = []
    figures = []
    for name in rows.inputs("text"):
        lengths = {
            split: np.array([len(text) for text in columns[name] if text is not None])
            for split, columns in rows.splits.items()
        }
        lengths = {split: found for split, found in lengths.items() if len(found)}
        if not lengths or np.median(np.concatenate(list(lengths.values()))) < 20:
            continue
        for split in lengths:
            facts = text_lengths([text for text in rows.splits[split][name] if text is not None])
            table.append([name, split, *facts.values()])
        figures.append(_figure(name, lengths))
    titles = ["column", "split", "shortest", "median", "95 of 100 up to", "longest"]
    return Findings({}, [Table("Lengths of texts in characters", titles, table)] if table else [], figures)


def _figure(name: str, lengths: dict[str, np.ndarray]) -> Figure:
    longest = max(float(np.quantile(found, 0.99)) for found in lengths.values())
    edges = np.linspace(0, max(longest, 1.0), BINS + 1)
    middles = ((edges[1:] + edges[:-1]) / 2).tolist()
    series = [
        Series(split, middles, (np.histogram(np.minimum(found, edges[-1]), edges)[0] / len(found)).tolist())
        for split, found in lengths.items()
    ]
    return Figure(f"Length of {name}", "line", "characters", "share of rows", series)
