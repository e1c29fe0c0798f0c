"""Whether a batch that has the machine to itself is answered sooner by all cores than by one.

A call is cut into pieces for several cores, and to wake them takes as long as a small piece does. Where that pays
depends on the model, its runtime and the machine: now and then a few batches go each way, and a line through what they
took says which one is better for what size. In a row, since a way that was not gone for a while finds its weights no
more in the processor's caches. Knows sizes and seconds only.
"""

from __future__ import annotations

_LEAST = 4e-3
"""Seconds of one core that are worth sparing any of."""
_WORTH = 0.9
"""Part of the time of one core that all may take: others may want these cores too."""
_TRIAL = 8
"""Batches in a row that go one way, and then the other …"""
_FIRST, _USED, _UNUSED = 512, 2048, 65_536
"""… after so many at first, and after twice as many each time: up to 2,048 where all cores are used, and further where
they are not, as a model that nobody asks for need not be open."""
_COLD = 2
"""Batches on all cores until the session has laid out its memory."""
_KEEP = 0.98
"""Part of its weight that a batch keeps when the next one comes."""
_MOST = 3.0
"""What a batch took counts up to so many times what was foretold: beyond, something else was in the way."""
_KNOWN = 6.0
"""Weight of what was seen before anything is foretold from it."""


class Line:
    """Seconds over size: what a call takes, and what a unit of size takes.

    Least squares of relative errors, in which older batches count less (Ljung 1999, recursive least squares with a
    forgetting factor). Neither part is below zero.
    """

    def __init__(self) -> None:
        self._weight = self._x = self._y = self._xx = self._xy = 0.0

    @property
    def known(self) -> bool:
        """Whether anything was seen."""
        return self._weight > 0

    def saw(self, size: int, seconds: float) -> None:
        """A batch of that size took so long."""
        if self._weight > _KNOWN:
            seconds = min(seconds, _MOST * self.seconds(size))
        # The error relative to the size is that of the line through 1 / size and seconds / size.
        x, y = 1 / size, seconds / size
        self._weight = _KEEP * self._weight + 1
        self._x += (x - self._x) / self._weight
        self._y += (y - self._y) / self._weight
        self._xx += (x * x - self._xx) / self._weight
        self._xy += (x * y - self._xy) / self._weight

    def seconds(self, size: int) -> float:
        """What a batch of that size takes."""
        spread = self._xx - self._x**2
        call = max(0.0, (self._xy - self._x * self._y) / spread) if spread > 1e-12 else 0.0
        unit = self._y - call * self._x
        if unit < 0:
            return self._y / self._x
        return call + unit * size


class Breadth:
    """What batches took on one core, and on all."""

    def __init__(self) -> None:
        self._one, self._all = Line(), Line()
        self._step, self._cycle, self._used = 0, _FIRST, False

    def pays(self, size: int) -> bool:
        """Whether all cores should answer a batch of that size, or are to be tried."""
        if self._one.seconds(size) < _LEAST:
            return False
        if self._step < self._cycle:
            return self._all.known and self._all.seconds(size) < _WORTH * self._one.seconds(size)
        return self._step >= self._cycle + _TRIAL

    def saw(self, size: int, seconds: float, *, spread: bool) -> None:
        """A batch that had the machine to itself took so long, on all cores (``spread``) or on one."""
        trial = self._step - self._cycle
        if not spread:
            self._one.saw(size, seconds)
        elif not _TRIAL <= trial < _TRIAL + _COLD:
            self._all.saw(size, seconds)
        self._used |= spread and trial < 0
        # Until the model is open for all cores, one of them answers what is to be tried on all.
        if spread or trial < _TRIAL:
            self._step += 1
        if self._step >= self._cycle + 2 * _TRIAL:
            most = _USED if self._used else _UNUSED
            self._step, self._cycle, self._used = 0, min(2 * self._cycle, most), False
