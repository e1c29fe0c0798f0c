"""Whether attributions name what the model uses: four scores, each beside what attributions at random come to.

The scores are those of ``deletion`` and ``rationale``; ``NAME_gain`` says by how much the explanation is better than a
random order of the same row's parts, so that an easy row does not pass for a good explanation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods import bootstrap, deletion, rationale
from modelyard.methods.coalitions import Value
from modelyard.methods.deletion import Curves
from modelyard.methods.intervals import UNKNOWN

DRAWS = 5
"""Random orders of each row."""
BETTER = {"deletion_auc": -1, "insertion_auc": 1, "comprehensiveness": 1, "sufficiency": -1}
"""Score → 1 if higher is better, -1 if lower."""
MEASURES = tuple(f"{name}{end}" for name in BETTER for end in ("", "_random", "_gain"))
"""What :func:`measures` gives."""


@dataclass(frozen=True)
class Judged:
    """The scores of one row, and the curves of the explanation and of each random order."""

    scores: Mapping[str, float]
    curves: Curves
    random: Sequence[Curves]


def judge(value: Value, weights: np.ndarray, *, seed: int | Sequence[int]) -> Judged:
    """Score the attributions of one row's parts."""
    random = np.random.default_rng(seed)
    curves, ours = _scores(value, np.argsort(-weights, kind="stable"))
    drawn = [_scores(value, random.permutation(len(weights))) for _ in range(DRAWS)]
    found = dict(ours)
    for name, sign in BETTER.items():
        level = float(np.mean([scores[name] for _, scores in drawn]))
        found |= {f"{name}_random": level, f"{name}_gain": sign * (ours[name] - level)}
    return Judged(found, curves, [others for others, _ in drawn])


def _scores(value: Value, order: np.ndarray) -> tuple[Curves, dict[str, float]]:
    curves = deletion.curves(value, order)
    comprehensiveness, sufficiency = rationale.scores(value, order)
    return curves, {
        "deletion_auc": curves.deletion_area,
        "insertion_auc": curves.insertion_area,
        "comprehensiveness": comprehensiveness,
        "sufficiency": sufficiency,
    }


def measures(rows: Sequence[Mapping[str, float]], *, confidence: float, seed: int) -> dict[str, Measure]:
    """The mean of each score over the rows, with the percentiles of the bootstrap over rows."""
    names = list(rows[0])
    table = np.array([[row[name] for name in names] for row in rows])
    means = bootstrap.resample_rows(
        len(rows), lambda counts: dict(zip(names, (counts @ table / len(rows)).T, strict=True)), seed=seed
    )
    return {
        name: Measure(
            float(column.mean()),
            *(bootstrap.percentile_interval(means[name], confidence) if len(rows) > 1 else UNKNOWN),
            n=len(rows),
            confidence=confidence,
        )
        for name, column in zip(names, table.T, strict=True)
    }
