"""What one version did lately under real traffic: how long answers took, which failed, what they said, and whether
another version said the same.

Bounded, and begun anew when a rollout goes on a step. Knows no HTTP and no rollout.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence

from modelyard.core.task import Prediction

SIZE = 20_000
"""Requests and rows that are remembered."""
CLOSE = 0.05
"""Two numbers that differ by less are one answer, relative to the larger where it is above one."""


class Live:
    """The last requests of a version."""

    def __init__(self) -> None:
        self._requests: deque[tuple[float, bool]] = deque(maxlen=SIZE)
        self._labels: deque[str] = deque(maxlen=SIZE)
        self._same: deque[bool] = deque(maxlen=SIZE)
        self.total = 0
        """Requests since the version was opened."""

    def saw(self, seconds: float, *, failed: bool) -> None:
        """A request was answered, or failed through no fault of the caller's."""
        self._requests.append((seconds, failed))
        self.total += 1

    def answered(self, predictions: Sequence[Prediction]) -> None:
        """What rows were given."""
        self._labels.extend(str(item["label"]) for item in predictions if "label" in item)

    def compared(self, predictions: Sequence[Prediction], others: Sequence[Prediction]) -> None:
        """What another version said of the same rows."""
        self._same.extend(is_same(one, other) for one, other in zip(predictions, others, strict=True))

    def begin_anew(self) -> None:
        """Forget all but the total."""
        for kept in (self._requests, self._labels, self._same):
            kept.clear()

    @property
    def seconds(self) -> list[float]:
        """Of the requests that did not fail."""
        return [seconds for seconds, failed in self._requests if not failed]

    @property
    def failures(self) -> tuple[int, int]:
        """Failed requests, and all of them."""
        return sum(failed for _, failed in self._requests), len(self._requests)

    @property
    def labels(self) -> Mapping[str, int]:
        """Class → rows."""
        return Counter(self._labels)

    @property
    def agreements(self) -> tuple[int, int]:
        """Rows that another version said the same of, and all that were compared."""
        return sum(self._same), len(self._same)


def is_same(one: Prediction, other: Prediction) -> bool:
    """Whether two answers to a row are one: the same class, or numbers that are close."""
    if "label" in one:
        return bool(one["label"] == other.get("label"))
    if "value" in one:
        ours, theirs = float(one["value"]), float(other.get("value", float("nan")))
        return abs(ours - theirs) <= CLOSE * max(1.0, abs(ours), abs(theirs))
    return one.get("text") == other.get("text")
