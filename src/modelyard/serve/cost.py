"""What a batch costs, learned from what batches took: seconds = a + b · rows · longest.

Two sums of least squares: what the opened model measured on itself counts for ever, what the live load took fades
out. From it follow the batch that is worth it and the wait that a full queue means. Knows lengths and seconds only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_FADE = 0.99
"""Weight of a batch after each later one."""
_SPARED = 0.05
"""A batch is large enough when its fixed cost is this part of the rest: a larger one would only make rows wait."""
_LEAST = 4
"""Observations before the model is trusted."""
_FIRST = 8
"""Rows of a batch until then."""
_MOST = 1 << 30
"""Rows of a batch whose rows cost nothing."""
_GUESS = 0.01
"""Seconds of a row until then."""


class CostModel:
    """Starts from ``timings``: rows, longest row and seconds of calls that were measured before."""

    def __init__(self, timings: Sequence[tuple[int, int, float]] = ()) -> None:
        self._fixed, self._faded = np.zeros((2, 3)), np.zeros((2, 3))
        self._seen = 0
        self.call_seconds, self.unit_seconds = 0.0, 0.0
        for rows, longest, seconds in timings:
            self._fixed += _products(rows, longest, seconds)
            self._seen += 1
        self._solve()

    @property
    def trusted(self) -> bool:
        """Whether enough was seen to foretell anything."""
        return self._seen >= _LEAST

    def observe(self, rows: int, longest: int, seconds: float) -> None:
        """A batch of so many rows took so long."""
        self._faded = self._faded * _FADE + _products(rows, longest, seconds)
        self._seen += 1
        self._solve()

    def seconds(self, rows: int, longest: int) -> float:
        """What such a batch will take."""
        if not self.trusted:
            return _GUESS * rows
        return self.call_seconds + self.unit_seconds * rows * longest

    def worthwhile(self, longest: int) -> int:
        """How many rows of that length a batch needs until its fixed cost hardly matters."""
        if not self.trusted:
            return _FIRST
        row = self.unit_seconds * longest
        return max(1, round(self.call_seconds / (_SPARED * row))) if row > 0 else _MOST

    def joins(self, rows: int, longest: int, length: int) -> bool:
        """Whether one more row costs less here than alone: padding must not eat up the call that is spared."""
        if not self.trusted:
            return True
        padded = (rows + 1) * max(longest, length) - rows * longest - length
        return self.unit_seconds * padded <= self.call_seconds

    def _solve(self) -> None:
        (count, size, seconds), (_, squares, products) = (self._fixed + self._faded).tolist()
        spread = count * squares - size * size
        slope = (count * products - size * seconds) / spread if spread > 0 else 0.0
        if count > 0:
            self.unit_seconds = min(max(0.0, slope), seconds / size) if size > 0 else 0.0
            self.call_seconds = max(0.0, (seconds - self.unit_seconds * size) / count)


def _products(rows: int, longest: int, seconds: float) -> np.ndarray:
    # Noise grows with the time that it disturbs: a short call says as much as a long one.
    size = rows * longest
    weight = 1 / (1 + size)
    return weight * np.array([[1, size, seconds], [size, size * size, size * seconds]])
