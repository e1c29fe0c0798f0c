"""Whether what a version is asked, and what it answers, is what it was proven on.

A sample of the live rows, as numbers and as names that the reference knows, is held against the release's own rows.
Each feature is judged by the end of an interval and by a probability that is corrected for their number, never by a
single point. Knows no HTTP and no yard.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from modelyard.core.access import Rate
from modelyard.core.report import Measure
from modelyard.core.requirement import Requirement, Verdict
from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.methods import drift, energy_distance
from modelyard.methods.many_tests import holm
from modelyard.serve import features
from modelyard.serve.features import Value
from modelyard.serve.rates import Rates
from modelyard.serve.vectors import Vectors

SIZE = 2000
"""Rows that are remembered."""
RATE = Rate(2.0, 500)
"""Rows that are looked at: so that little is spent, and that many requests do not push out those of a minute ago."""
FEWEST = 100
"""Rows below which nothing is said."""
FEWEST_VECTORS = 30
"""The same of embeddings, each of which says more."""
CONFIDENCE = 0.95
Method = Literal["psi", "energy"]
BOUNDS: Mapping[Method, Requirement] = {
    "psi": Requirement("psi", "at_most", 0.25, CONFIDENCE),
    "energy": Requirement("energy", "at_most", 0.02, CONFIDENCE),
}
"""What is commonly taken for a large shift (Siddiqi 2006); and more than other messages of one source ever had, less
than sentences of another have (``benchmarks/embedding_drift.py``)."""
EMBEDDING_FEATURE = "text.embedding"
CLASSES = 50
OTHER = "(other)"
"""All classes that the reference does not have, or seldom; so nothing that only a request said is remembered."""

Look = Callable[[Sequence[Row]], list[dict[str, Value]]]
"""Features of raw rows."""


@dataclass(frozen=True)
class Reference:
    """What a release was proven on.

    Attributes:
        numbers: feature → values of shape (rows,), NaN where a row has none.
        classes: feature → class → rows.
    """

    numbers: Mapping[str, np.ndarray]
    classes: Mapping[str, Mapping[str, int]]

    @staticmethod
    def of(rows: Sequence[Mapping[str, Value]]) -> Reference:
        """Out of the features of rows; one that is a class anywhere is one."""
        names = list(dict.fromkeys(name for row in rows for name in row))
        columns = {name: [row.get(name) for row in rows if name in row] for name in names}
        named = {name for name, column in columns.items() if any(isinstance(value, str) for value in column)}
        return Reference(
            {name: _numbers(column) for name, column in columns.items() if name not in named},
            {name: _few(Counter(map(str, columns[name]))) for name in columns if name in named},
        )

    def keep(self, row: Mapping[str, Value]) -> dict[str, Value]:
        """What may be remembered of a row's features."""
        kept: dict[str, Value] = {}
        for name, value in row.items():
            if name in self.classes:
                kept[name] = str(value) if str(value) in self.classes[name] else OTHER
            elif name in self.numbers:
                kept[name] = None if isinstance(value, str) else value
        return kept


@dataclass(frozen=True)
class FeatureDrift:
    """How far one feature is from its reference.

    Attributes:
        method: what ``size`` is: the population stability index, or the energy distance of embeddings.
        distance: that of Kolmogorov and Smirnov, of a number.
        p: probability of such a difference by chance, corrected for the number of features.
        verdict: not met where it surely drifted.
    """

    feature: str
    method: Method
    size: Measure
    distance: float | None
    p: float
    verdict: Verdict

    @property
    def bound(self) -> Requirement:
        return BOUNDS[self.method]

    def to_json(self) -> dict[str, Any]:
        return {
            "feature": self.feature,
            "rows": self.size.n,
            **{method: self.size.value if method == self.method else None for method in BOUNDS},
            "low": self.size.low,
            "high": self.size.high,
            "ks": self.distance,
            "p": self.p,
            "verdict": self.verdict.value,
        }


class Window:
    """A sample of the last rows that a version answered; empty until it is told what to hold them against."""

    def __init__(self) -> None:
        self.reference: Reference | None = None
        self._look: Look | None = None
        self._rows: deque[dict[str, Value]] = deque(maxlen=SIZE)
        self._seen: deque[tuple[Row, Prediction]] = deque(maxlen=SIZE)
        self._looking = threading.Lock()
        self._rates = Rates()
        self.vectors = Vectors()

    def begin(self, reference: Reference, look: Look) -> None:
        """Look at rows from now on."""
        self.reference, self._look = reference, look

    def saw(self, rows: Sequence[Row], predictions: Sequence[Prediction]) -> bool:
        """Rows were answered; as many of them are kept for :meth:`look` as the rate lets. Whether any are."""
        if self.reference is None:
            return False
        now = time.monotonic()
        pairs = list(zip(rows, predictions, strict=True))
        taken = pairs[: next((n for n in range(len(pairs)) if self._rates.take("rows", RATE, now)), len(pairs))]
        self._seen.extend(taken)
        self.vectors.saw([row for row, _ in taken])
        return bool(taken)

    def look(self) -> None:
        """Make features of the rows that were kept, and forget these; slow."""
        with self._looking:
            taken = [self._seen.popleft() for _ in range(len(self._seen))]
            if not taken or self.reference is None or self._look is None:
                return
            for found, (_, prediction) in zip(self._look([row for row, _ in taken]), taken, strict=True):
                self._rows.append(self.reference.keep(found | features.of_prediction(prediction)))

    def rows(self) -> list[dict[str, Value]]:
        """Features that are remembered."""
        return list(self._rows)

    def judge(self) -> list[FeatureDrift]:
        """Each feature as it stands, nothing where there is nothing to hold it against; slow."""
        self.look()
        return judge(self.reference, self.rows(), self.vectors.pair) if self.reference else []


def judge(
    reference: Reference,
    rows: Sequence[Mapping[str, Value]],
    vectors: tuple[np.ndarray, np.ndarray] | None = None,
) -> list[FeatureDrift]:
    """Each feature of the reference beside the rows; those that surely drifted first, then by size.

    Args:
        vectors: embeddings of live rows and of the reference's.
    """
    shifts: dict[str, tuple[Method, Measure, float | None, float]] = {}
    for name, numbers in reference.numbers.items():
        now = _numbers([row[name] for row in rows if name in row])
        shift = drift.of_numbers(now, numbers, confidence=CONFIDENCE)
        shifts[name] = "psi", shift.stability, shift.distance, shift.p
    for name, classes in reference.classes.items():
        counts = Counter(str(row[name]) for row in rows if name in row)
        shift = drift.of_classes(counts, classes, confidence=CONFIDENCE)
        shifts[name] = "psi", shift.stability, None, shift.p
    if vectors is not None:
        shifts[EMBEDDING_FEATURE] = "energy", *_of_vectors(*vectors)
    corrected = holm([p for *_, p in shifts.values()])
    found = [
        FeatureDrift(name, method, size, distance, p, _verdict(method, size, p))
        for (name, (method, size, distance, _)), p in zip(shifts.items(), corrected, strict=True)
    ]
    return sorted(found, key=lambda item: (item.verdict is not Verdict.NOT_MET, -(item.size.value or 0.0)))


def _of_vectors(live: np.ndarray, own: np.ndarray) -> tuple[Measure, None, float]:
    size, p = energy_distance.two_samples(*energy_distance.main_directions(live, own), confidence=CONFIDENCE, seed=0)
    return size, None, p


def overall(found: Sequence[FeatureDrift]) -> Verdict:
    """Not met where any feature surely drifted; where nothing is known, nothing is met."""
    verdicts = {item.verdict for item in found}
    if Verdict.NOT_MET in verdicts:
        return Verdict.NOT_MET
    return Verdict.MET if verdicts == {Verdict.MET} else Verdict.INCONCLUSIVE


def drifted(found: Sequence[FeatureDrift]) -> Measure:
    """How many features surely drifted; unknown where none did and too little is known of one."""
    count = sum(item.verdict is Verdict.NOT_MET for item in found)
    rows = max((item.size.n or 0 for item in found), default=0)
    known = count or overall(found) is Verdict.MET
    return Measure(count, count, count, rows) if known else Measure(None, n=rows)


def _verdict(method: Method, size: Measure, p: float) -> Verdict:
    if (size.n or 0) < (FEWEST if method == "psi" else FEWEST_VECTORS):
        return Verdict.INCONCLUSIVE
    verdict = BOUNDS[method].judge({method: size}).verdict
    by_chance = verdict is Verdict.NOT_MET and p > 1 - CONFIDENCE
    return Verdict.INCONCLUSIVE if by_chance else verdict


def _numbers(column: Sequence[Value]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)


def _few(counts: Counter[str]) -> dict[str, int]:
    """The most frequent classes, and all others as one."""
    kept = dict(counts.most_common(CLASSES))
    rest = counts.total() - sum(kept.values())
    return kept | ({OTHER: rest} if rest else {})
