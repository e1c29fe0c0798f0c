"""What a batch costs, learned from what batches took.

A batch of n rows pads them all to the longest: its size is n · longest. Work per unit of size falls with the size
while the fixed cost of a call is spread over more of it. That curve is kept at powers of two; it begins with what the
opened model measured on itself, and rows that run alone move it. Rows together take a factor more or less than that,
one for each power of two of rows: these lengths are not quite those that are padded, and a batch may not fit the
processor's caches. Work is processor time, which tells batches apart on a busy machine too; how much longer one waits
for it there is learned beside it. Knows lengths and seconds only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_KNOTS = 24
"""Sizes 1, 2, 4, … that the curve is kept at."""
_TOGETHER = 8
"""Numbers of rows 1, 2, 4, … that a factor is kept for."""
_LEARN = 0.05
"""Part of what a batch took beyond what was foretold that is believed."""
_NEAR = 1.05
"""A batch is large enough when a larger one would do a row in hardly less: it would only make rows wait."""
_SPREAD = 3.0
"""What a batch took counts up to so many times what was foretold: beyond, something else was in the way."""
_UNTIL_KNOWN = 8
"""Rows of a batch until it is known what such a one takes …"""
_LEAST = 4
"""… from so many of them."""
_GUESS = 0.01
"""Seconds of a row while nothing is known."""


class CostModel:
    """Starts from ``timings``: rows, longest row and seconds of calls that were measured before."""

    def __init__(self, timings: Sequence[tuple[int, int, float]] = ()) -> None:
        self.known = bool(timings)
        self._slowdown = 1.0
        self._factors = [1.0] * _TOGETHER
        self._seen = [_LEAST if timings else 0] * _TOGETHER
        self._curve = [1.0] * _KNOTS
        if timings:
            found: dict[float, list[float]] = {}
            for rows, longest, seconds in timings:
                found.setdefault(_place(rows, longest), []).append(seconds / size_of(rows, longest))
            places = sorted(found)
            rates = [sum(found[place]) / len(found[place]) for place in places]
            self._curve = np.interp(range(_KNOTS), places, rates).tolist()

    def observe(self, rows: int, longest: int, work: float, seconds: float) -> None:
        """A batch of so many rows took ``work`` seconds of a processor, and its answers came after ``seconds``."""
        if not self.known:
            self.known, self._curve = True, [work / size_of(rows, longest)] * _KNOTS
        self._seen[_together(rows)] += 1
        foretold = self._work(rows, longest)
        if foretold <= 0:
            return
        self._slowdown += _LEARN * (min(seconds / foretold, _SPREAD * self._slowdown) - self._slowdown)
        surprise = min(work / foretold, _SPREAD) - 1
        if rows > 1:
            self._factors[_together(rows)] *= 1 + _LEARN * surprise
            return
        place = _place(rows, longest)
        left = int(place)
        for knot, share in ((left, left + 1 - place), (left + 1, place - left)):
            if knot < _KNOTS:
                self._curve[knot] *= 1 + _LEARN * share * surprise

    def seconds(self, rows: int, longest: int) -> float:
        """How long such a batch will take."""
        if not self.known:
            return _GUESS * rows
        return self._slowdown * self._work(rows, longest)

    def worthwhile(self, longest: int, most: int) -> int:
        """The smallest batch of rows of that length, of up to ``most``, that does a row in nearly the least time."""
        trial = min(most, _UNTIL_KNOWN)
        if not self.tried(trial):
            return trial
        counts = [*(2**power for power in range(most.bit_length()) if 2**power < most), most]
        rates = [self._work(count, longest) / count for count in counts]
        near: list[int] = [count for count, rate in zip(counts, rates, strict=True) if rate <= _NEAR * min(rates)]
        return near[0]

    def tried(self, rows: int) -> bool:
        """Whether it is known what so many rows together take."""
        return self._seen[_together(rows)] >= _LEAST

    def _work(self, rows: int, longest: int) -> float:
        """Seconds of a processor."""
        # Asked several times for each row that waits: the curve is read here at once.
        size = size_of(rows, longest)
        place = math.log2(size)
        left = int(place)
        rate = self._curve[-1]
        if left < _KNOTS - 1:
            rate = self._curve[left] + (place - left) * (self._curve[left + 1] - self._curve[left])
        return self._factors[_together(rows)] * rate * size


def _together(rows: int) -> int:
    bits = rows.bit_length()
    return (bits if bits < _TOGETHER else _TOGETHER) - 1


def size_of(rows: int, longest: int) -> int:
    """Of a batch that pads all its rows to the longest; one whose rows have no length counts them."""
    return rows * (longest or 1)


def _place(rows: int, longest: int) -> float:
    """Where on the curve a size lies, in knots."""
    return min(math.log2(size_of(rows, longest)), _KNOTS - 1)
