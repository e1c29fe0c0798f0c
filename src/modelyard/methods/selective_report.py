"""What abstention is worth, as findings: measures with intervals, a table and the risk–coverage curve."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.core.report import Figure, Findings, Measure, Series, Table
from modelyard.methods.bootstrap import percentile_interval, resample_rows, widest
from modelyard.methods.intervals import clopper_pearson
from modelyard.methods.selective import area, risk_coverage, score_at

MEASURES = ("aurc", "accuracy_at_coverage", "abstention_threshold")
COVERAGES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.5)
_POINTS = 100


def judge(scores: np.ndarray, right: np.ndarray, *, coverage: float, confidence: float, seed: int) -> Findings:
    """Findings of rows answered from the highest score down.

    Args:
        scores: how sure each answer is [n], n at least 1.
        right: whether it is right, bool [n].
        coverage: share of the rows to answer.
        confidence: of the intervals.
        seed: of the bootstrap.
    """
    n = len(scores)
    whole = float(area(scores, right, np.ones((1, n)))[0])
    resampled = resample_rows(n, lambda weights: {"aurc": area(scores, right, weights)}, seed=seed)["aurc"]
    threshold = score_at(scores, coverage)
    answered = scores >= threshold
    hits, asked = int(right[answered].sum()), int(answered.sum())
    measures = {
        "aurc": Measure(whole, *widest(whole, percentile_interval(resampled, confidence)), n=n, confidence=confidence),
        "accuracy_at_coverage": Measure(
            hits / asked, *clopper_pearson(hits, asked, confidence), n=asked, confidence=confidence
        ),
        "abstention_threshold": Measure(threshold, n=n, confidence=confidence),
    }
    rows = [_row(scores, right, share, confidence) for share in COVERAGES]
    columns = ["answered", "score from", "rows", "accuracy", "from", "to"]
    note = (
        f"Answering only the {asked / n:.1%} of rows with a score of {threshold:.4g} or more, {hits} of {asked} "
        f"answers are right; answering all, {int(right.sum())} of {n}."
    )
    table = Table("Accuracy of the surest answers", columns, rows)
    ways = [("by score", scores, right), ("a perfect score", right.astype(float), right)]
    return Findings(measures, [table], [picture(ways)], [note])


def _row(scores: np.ndarray, right: np.ndarray, share: float, confidence: float) -> list[float | int | None]:
    threshold = score_at(scores, share)
    answered = scores >= threshold
    hits, asked = int(right[answered].sum()), int(answered.sum())
    return [asked / len(scores), threshold, asked, hits / asked, *clopper_pearson(hits, asked, confidence)]


def picture(ways: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Figure:
    """The risk–coverage curve of each way to be sure.

    Args:
        ways: name, scores and whether the answer is right, of the same number of rows.
    """
    series = []
    for name, scores, right in ways:
        coverage, risk = (values[0] for values in risk_coverage(scores, right, np.ones((1, len(scores)))))
        shown = np.unique(np.linspace(0, len(scores) - 1, _POINTS).round().astype(int))
        series.append(Series(name, coverage[shown].tolist(), risk[shown].tolist()))
    return Figure("Risk and coverage", "line", "share of the rows answered", "error rate", series)
