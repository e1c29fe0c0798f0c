"""Whether conformal intervals keep their promise: coverage with its exact interval, and width, over all and by answer.

Knows truths, answers and ends, neither model nor margin.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.bootstrap import percentile_interval, resample_rows, widest
from modelyard.methods.intervals import clopper_pearson

GROUPS = 5
"""Groups of rows with like answers that coverage is also given for."""


def add(
    findings: Findings,
    targets: np.ndarray,
    values: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    confidence: float,
    seed: int,
) -> Findings:
    """The findings of an evaluation with what the intervals are worth.

    ``interval_coverage`` is the share of rows whose truth is within, ``interval_width`` the mean width.

    Args:
        targets: truths of n rows, n at least 1; values, low and high are as many.
    """
    within, widths = (low <= targets) & (targets <= high), high - low
    n, hits = len(targets), int(within.sum())
    drawn = resample_rows(n, lambda counts: {"width": counts @ widths / n}, seed=seed)["width"]
    mean = float(widths.mean())
    ends = widest(mean, percentile_interval(drawn, confidence))
    measures = {
        "interval_coverage": Measure(hits / n, *clopper_pearson(hits, n, confidence), n=n, confidence=confidence),
        "interval_width": Measure(mean, *ends, n=n, confidence=confidence),
    }
    rows: list[list[str | float | int | None]] = []
    for group in np.array_split(np.argsort(values, kind="stable"), min(GROUPS, n)):
        inside = int(within[group].sum())
        span = f"{values[group[0]]:.4g} to {values[group[-1]]:.4g}"
        coverage = clopper_pearson(inside, len(group), confidence)
        rows.append([span, inside / len(group), *coverage, float(widths[group].mean()), len(group)])
    table = Table("Conformal intervals", ["predicted", "coverage", "from", "to", "mean width", "rows"], rows)
    names = [str(row[0]) for row in rows]
    shares, lows, highs = ([float(row[place] or 0.0) for row in rows] for place in (1, 2, 3))
    figure = Figure(
        "Coverage by predicted value", "bar", "predicted", "coverage", [Series("rows", names, shares, lows, highs)]
    )
    return replace(
        findings,
        measures={**findings.measures, **measures},
        tables=[*findings.tables, table],
        figures=[*findings.figures, figure],
    )
