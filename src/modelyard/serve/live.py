"""What one version did lately under real traffic: how long answers took, which failed, what they said, and whether
another version said the same.

Bounded; what a rollout judges is begun anew when it goes on a step. Knows no HTTP and no rollout.
"""

from __future__ import annotations

import math
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from modelyard.core.task import Prediction

SIZE = 20_000
"""Requests and rows that are remembered."""
CLOSE = 0.05
"""Two numbers that differ by less are one answer, relative to the larger where it is above one."""


@dataclass(frozen=True)
class Traffic:
    """Requests of a stretch of time.

    Attributes:
        seconds: that each answer took which did not fail.
        failures: failed requests, and all of them.
    """

    seconds: Sequence[float]
    failures: tuple[int, int]


class Live:
    """The last requests of a version.

    Args:
        clock: seconds, from any beginning.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # Room for all of them from the start: a server's memory does not grow while it fills.
        self._ended, self._seconds = array("d", bytes(8 * SIZE)), array("d", bytes(8 * SIZE))
        self._labels: deque[str] = deque(maxlen=SIZE)
        self._same: deque[bool] = deque(maxlen=SIZE)
        self.total = 0
        """Requests since the version was opened."""
        self._mark = 0
        self._last = clock()

    def saw(self, seconds: float, *, failed: bool) -> None:
        """A request was answered, or failed through no fault of the caller's."""
        self._last = self._clock()
        place = self.total % SIZE
        self._ended[place], self._seconds[place] = self._last, math.nan if failed else seconds
        self.total += 1

    def answered(self, predictions: Sequence[Prediction]) -> None:
        """What rows were given."""
        self._labels.extend(sys.intern(str(item["label"])) for item in predictions if "label" in item)

    def compared(self, predictions: Sequence[Prediction], others: Sequence[Prediction]) -> None:
        """What another version said of the same rows."""
        self._same.extend(is_same(one, other) for one, other in zip(predictions, others, strict=True))

    def begin_anew(self) -> None:
        """What came before is no part any more of what follows below, up to :meth:`lately`."""
        self._mark = self.total
        for kept in (self._labels, self._same):
            kept.clear()

    @property
    def seconds(self) -> Sequence[float]:
        """Of the requests that did not fail."""
        return self._marked.seconds

    @property
    def failures(self) -> tuple[int, int]:
        """Failed requests, and all of them."""
        return self._marked.failures

    @property
    def _marked(self) -> Traffic:
        return self._traffic(self._mark)

    @property
    def labels(self) -> Mapping[str, int]:
        """Class → rows."""
        return Counter(self._labels)

    @property
    def agreements(self) -> tuple[int, int]:
        """Rows that another version said the same of, and all that were compared."""
        return sum(self._same), len(self._same)

    def lately(self, seconds: float) -> Traffic:
        """The requests of the last seconds, as far as they are remembered."""
        return self._traffic(0, since=self._clock() - seconds)

    @property
    def silence(self) -> float:
        """Seconds since the last request, or since the version was opened."""
        return self._clock() - self._last

    def _traffic(self, first: int, *, since: float = -math.inf) -> Traffic:
        """Requests from a number on, as far as they are remembered, that ended at that time or later."""
        places = np.arange(max(first, self.total - SIZE), self.total) % SIZE
        seconds = np.frombuffer(self._seconds)[places[np.frombuffer(self._ended)[places] >= since]]
        answered = seconds[~np.isnan(seconds)]
        return Traffic(answered.tolist(), (len(seconds) - len(answered), len(seconds)))


def is_same(one: Prediction, other: Prediction) -> bool:
    """Whether two answers to a row are one: the same class, or numbers that are close."""
    if "label" in one:
        return bool(one["label"] == other.get("label"))
    if "value" in one:
        ours, theirs = float(one["value"]), float(other.get("value", float("nan")))
        return abs(ours - theirs) <= CLOSE * max(1.0, abs(ours), abs(theirs))
    return one.get("text") == other.get("text")
