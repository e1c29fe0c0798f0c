"""What one version did lately under real traffic: how long answers took, which failed, what they said, and whether
another version said the same.

Bounded; what a rollout judges is begun anew when it goes on a step. Knows no HTTP and no rollout.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

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
        self._requests: deque[tuple[float, float, bool]] = deque(maxlen=SIZE)
        self._labels: deque[str] = deque(maxlen=SIZE)
        self._same: deque[bool] = deque(maxlen=SIZE)
        self.total = 0
        """Requests since the version was opened."""
        self._mark = 0
        self._last = clock()

    def saw(self, seconds: float, *, failed: bool) -> None:
        """A request was answered, or failed through no fault of the caller's."""
        self._last = self._clock()
        self._requests.append((self._last, seconds, failed))
        self.total += 1

    def answered(self, predictions: Sequence[Prediction]) -> None:
        """What rows were given."""
        self._labels.extend(str(item["label"]) for item in predictions if "label" in item)

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
        return _traffic(islice(self._requests, max(0, len(self._requests) - self.total + self._mark), None))

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
        since = self._clock() - seconds
        return _traffic(item for item in self._requests if item[0] >= since)

    @property
    def silence(self) -> float:
        """Seconds since the last request, or since the version was opened."""
        return self._clock() - self._last


def _traffic(requests: Iterable[tuple[float, float, bool]]) -> Traffic:
    found = list(requests)
    failed = sum(failed for _, _, failed in found)
    return Traffic([seconds for _, seconds, failed in found if not failed], (failed, len(found)))


def is_same(one: Prediction, other: Prediction) -> bool:
    """Whether two answers to a row are one: the same class, or numbers that are close."""
    if "label" in one:
        return bool(one["label"] == other.get("label"))
    if "value" in one:
        ours, theirs = float(one["value"]), float(other.get("value", float("nan")))
        return abs(ours - theirs) <= CLOSE * max(1.0, abs(ours), abs(theirs))
    return one.get("text") == other.get("text")
