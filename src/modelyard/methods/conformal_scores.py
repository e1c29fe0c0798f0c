"""Whether conformal sets keep their promise: coverage with its exact interval, size, and both for each class.

Knows an outcome and the sets, neither model nor threshold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.bootstrap import percentile_interval, resample_kinds, widest
from modelyard.methods.intervals import clopper_pearson
from modelyard.methods.outcome import Outcome

_SEED = 0


def add(findings: Findings, outcome: Outcome, sets: Sequence[Sequence[str]], confidence: float) -> Findings:
    """The findings of an evaluation with what the sets are worth.

    ``set_coverage`` is the share of rows whose right class is in the set, ``set_size`` the mean number of classes.

    Args:
        outcome: of n rows, n at least 1.
        sets: labels in the set of each row.
    """
    truth = [outcome.labels[target] for target in outcome.targets]
    covered = np.array([label in chosen for label, chosen in zip(truth, sets, strict=True)])
    sizes = np.array([len(chosen) for chosen in sets])
    hits, n = int(covered.sum()), outcome.n
    measures = {
        "set_coverage": Measure(hits / n, *clopper_pearson(hits, n, confidence), n=n, confidence=confidence),
        "set_size": _mean_size(sizes, confidence),
    }
    rows: list[list[str | float | int | None]] = []
    for number, label in enumerate(outcome.labels):
        of_class = outcome.targets == number
        if inside := int(of_class.sum()):
            share = int(covered[of_class].sum())
            ends = clopper_pearson(share, inside, confidence)
            rows.append([label, share / inside, *ends, float(sizes[of_class].mean()), inside])
    columns = ["class", "coverage", "from", "to", "mean size", "rows"]
    counts = np.bincount(sizes, minlength=len(outcome.labels) + 1)[1:]
    series = Series("rows", [str(size) for size in range(1, len(counts) + 1)], counts.astype(float).tolist())
    figure = Figure("Sizes of the sets", "bar", "classes in the set", "rows", [series])
    return replace(
        findings,
        measures={**findings.measures, **measures},
        tables=[*findings.tables, Table("Conformal sets", columns, rows)],
        figures=[*findings.figures, figure],
    )


def _mean_size(sizes: np.ndarray, confidence: float) -> Measure:
    kinds, counts = np.unique(sizes, return_counts=True)
    resampled = resample_kinds(counts, len(sizes), seed=_SEED) @ kinds / len(sizes)
    mean = float(sizes.mean())
    interval = widest(mean, percentile_interval(resampled, confidence))
    return Measure(mean, *interval, n=len(sizes), confidence=confidence)
