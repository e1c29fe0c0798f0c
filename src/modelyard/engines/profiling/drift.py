"""Whether splits are alike."""

from __future__ import annotations

from collections import Counter

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.engines.profiling.rows import Rows
from modelyard.methods import drift
from modelyard.methods.drift import Shift
from modelyard.methods.many_tests import holm

SHOWN = 20
UNLIKELY = 0.01
"""Corrected probability below which a difference is no chance."""


def find(rows: Rows, confidence: float) -> Findings:
    """The shift of each column of each split against the training rows: numbers, classes, lengths of texts.

    Probabilities are corrected for how many there are (Holm).
    """
    names = [name for name in rows.kinds if name not in ("weight", "group", "id") and rows.kinds[name] != "other"]
    shifts = {
        (split, name): shift
        for split in rows.splits
        if split != rows.training
        for name in names
        if (shift := _shift(rows, split, name, confidence)) is not None
    }
    if not shifts:
        return Findings({"drifted_columns": Measure(None)})
    corrected = dict(zip(shifts, holm([shift.p for shift in shifts.values()]), strict=True))
    drifted = [key for key, p in corrected.items() if p < UNLIKELY]
    order = sorted(shifts, key=lambda key: (corrected[key], -(shifts[key].stability.value or 0)))
    table = [
        [split, name, found.stability.value, found.stability.low, found.stability.high, corrected[split, name]]
        for split, name in order
        for found in [shifts[split, name]]
    ]
    shown = list(dict.fromkeys(name for _, name in order))[:SHOWN]
    series = [
        Series(split, shown, [_size(shifts.get((split, name))) for name in shown])
        for split in dict.fromkeys(split for split, _ in shifts)
    ]
    titles = ["split", "column", "stability index", "low", "high", "corrected p"]
    return Findings(
        {"drifted_columns": Measure(len(drifted), n=len(shifts))},
        [Table(f"Differences from {rows.training}", titles, table)],
        [Figure(f"Differences from {rows.training}", "bar", "", "population stability index", series)],
    )


def _size(shift: Shift | None) -> float | None:
    return shift.stability.value if shift else None


def _shift(rows: Rows, split: str, name: str, confidence: float) -> Shift | None:
    if rows.kinds[name] == "number":
        new, known = rows.numbers(split, name), rows.numbers(rows.training, name)
        return (
            None
            if np.isnan(new).all() or np.isnan(known).all()
            else drift.of_numbers(new, known, confidence=confidence)
        )
    new_texts, known_texts = (
        [text for text in rows.splits[part][name] if text is not None] for part in (split, rows.training)
    )
    if not new_texts or not known_texts:
        return None
    if len(set(known_texts)) <= max(20, len(known_texts) // 20):
        return drift.of_classes(Counter(new_texts), Counter(known_texts), confidence=confidence)
    lengths = (np.array([float(len(text)) for text in texts]) for texts in (new_texts, known_texts))
    return drift.of_numbers(*lengths, confidence=confidence)
