"""The slices of the rows where a model fails more often than elsewhere, found and named.

Every slice that a value, a range, a length or a word names is tested: would so many of the failures fall into it by
chance? That is the hypergeometric distribution (Fisher's exact test, one-sided), and Holm's correction keeps the
probability of naming any slice where there is none to 5%. Knows masks of rows, no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.report import Figure, Findings, Series, Table
from modelyard.methods.intervals import clopper_pearson
from modelyard.methods.many_tests import holm

SIGNIFICANT = 0.05
_SHOWN = 10


@dataclass(frozen=True)
class Candidate:
    """Some of the rows, bool [n], and what they have in common."""

    name: str
    inside: np.ndarray


@dataclass(frozen=True)
class Slice:
    """A candidate as it was judged.

    Attributes:
        failed: rows of it that failed.
        elsewhere: share of the other rows that failed.
        p: probability of so many failures by chance, corrected for all that were looked at.
    """

    name: str
    rows: int
    failed: int
    elsewhere: float
    p: float


def find(candidates: Sequence[Candidate], failed: np.ndarray, *, smallest: int) -> list[Slice]:
    """The candidates of at least so many rows (inside and outside), the least likely by chance first.

    Two candidates of the very same rows are one, under the first one's name.

    Args:
        failed: bool [n].
        smallest: fewest rows of a slice.
    """
    n, failures = len(failed), int(failed.sum())
    by_rows: dict[bytes, Candidate] = {}
    for candidate in candidates:
        if smallest <= int(candidate.inside.sum()) <= n - smallest:
            by_rows.setdefault(np.packbits(candidate.inside).tobytes(), candidate)
    kept = list(by_rows.values())
    sizes = [int(candidate.inside.sum()) for candidate in kept]
    hits = [int(failed[candidate.inside].sum()) for candidate in kept]
    chances = upper_tail(np.array(hits), np.array(sizes), failures, n)
    corrected = holm(chances.tolist())
    found = [
        Slice(candidate.name, size, hit, (failures - hit) / (n - size), p)
        for candidate, size, hit, p in zip(kept, sizes, hits, corrected, strict=True)
    ]
    order = np.lexsort((-np.array([item.failed / item.rows for item in found]), chances))
    return [found[place] for place in order]


def upper_tail(hits: np.ndarray, sizes: np.ndarray, failures: int, n: int) -> np.ndarray:
    """Probability that ``sizes`` of ``n`` rows, drawn by chance, hold ``hits`` or more of the ``failures``."""
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])

    def log_choose(of: np.ndarray | int, taken: np.ndarray) -> np.ndarray:
        return np.asarray(log_factorial[of] - log_factorial[taken] - log_factorial[of - taken])

    found = np.ones(len(hits))
    for place, (hit, size) in enumerate(zip(hits.tolist(), sizes.tolist(), strict=True)):
        k = np.arange(hit, min(failures, size) + 1)
        possible = k[size - k <= n - failures]
        terms = log_choose(failures, possible) + log_choose(n - failures, size - possible)
        found[place] = min(1.0, float(np.exp(terms - log_choose(n, np.array(size))).sum()))
    return found


def report(slices: Sequence[Slice], *, failing: str, smallest: int, confidence: float) -> Findings:
    """A table, a picture and a sentence about the worst slices.

    Args:
        slices: as :func:`find` gives them, of which at least one.
        failing: what the share is of, such as "wrong answers".
        smallest: fewest rows that a slice had to have.
        confidence: of the exact intervals, of each slice by itself.
    """
    worst = [item for item in slices if item.failed / item.rows > item.elsewhere][:_SHOWN]
    rows = []
    for item in worst:
        ends = clopper_pearson(item.failed, item.rows, confidence)
        rows.append([item.name, item.rows, item.failed / item.rows, *ends, item.elsewhere, item.p])
    columns = ["slice", "rows", failing, "from", "to", "elsewhere", "corrected p"]
    tables = [Table("Worst slices", columns, rows)] if rows else []
    return Findings(
        {}, tables, [_picture(worst, failing, confidence)] if rows else [], [_say(slices, failing, smallest)]
    )


def _say(slices: Sequence[Slice], failing: str, smallest: int) -> str:
    proven = [item for item in slices if item.p < SIGNIFICANT and item.failed / item.rows > item.elsewhere]
    looked = f"{len(slices)} slices of {smallest} rows or more were looked at"
    if not proven:
        return f"{looked}: none has more {failing} than the rest by more than chance."
    named = "; ".join(
        f"{item.name} ({item.failed / item.rows:.1%} of {item.rows} rows, {item.elsewhere:.1%} elsewhere)"
        for item in proven[:3]
    )
    more = f", and {len(proven) - 3} more" if len(proven) > 3 else ""
    return f"{looked}; more {failing} than chance explains: {named}{more}."


def _picture(worst: Sequence[Slice], failing: str, confidence: float) -> Figure:
    ends = [clopper_pearson(item.failed, item.rows, confidence) for item in worst]
    series = Series(
        "slice",
        [item.name for item in worst],
        [item.failed / item.rows for item in worst],
        [low or 0.0 for low, _ in ends],
        [1.0 if high is None else high for _, high in ends],
    )
    elsewhere = Series("elsewhere", [item.name for item in worst], [item.elsewhere for item in worst])
    return Figure("Worst slices", "bar", "", failing, [series, elsewhere])
