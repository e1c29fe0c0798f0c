"""How the classes are balanced."""

from __future__ import annotations

from collections import Counter

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.engines.profiling.rows import Rows


def find(rows: Rows) -> Findings:
    """Rows of each class, and how often the rarest is for one of the most frequent, in training."""
    if "label" not in rows.kinds:
        return Findings({"class_balance": Measure(None)})
    counts = {split: Counter(columns["label"]) for split, columns in rows.splits.items() if split != "unlabelled"}
    learned = [counts[rows.training][name] for name in rows.labels]
    measure = Measure(min(learned) / max(learned) if max(learned, default=0) else None, n=sum(learned))
    table = Table(
        "Classes", ["class", *counts], [[name, *(part[name] for part in counts.values())] for name in rows.labels]
    )
    series = [
        Series(split, list(rows.labels), [part[name] / max(1, part.total()) for name in rows.labels])
        for split, part in counts.items()
    ]
    return Findings({"class_balance": measure}, [table], [Figure("Classes", "bar", "", "share of rows", series)])
