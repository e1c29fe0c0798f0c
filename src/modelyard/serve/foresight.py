"""How much longer requests take than was foreseen, learned from those that came to their end.

A foreseen time is a sum of what batches cost on the average. It leaves out what else the machine is at, the
unevenness of batches, and the queue's own turns; under load those grow. Mean and mean deviation of the ratio are
followed as TCP follows round trips (Jacobson 1988). Knows two numbers a request and no clock.
"""

from __future__ import annotations

_LEARN = 1 / 16
_LEARN_DEVIATION = 1 / 8
_DEVIATIONS = 2.0
"""Mean deviations above the mean that surely suffice."""
_SHORT = 0.05
"""Seconds: of less, the ratio tells of the machine's tick and not of the queue."""
_MOST = 4.0
"""A request that was foreseen so badly tells nothing of others."""


class Foresight:
    """Begins with what is foreseen being what comes."""

    def __init__(self) -> None:
        self._ratio, self._deviation = 1.0, 0.0

    def surely(self, foreseen: float) -> float:
        """Seconds that few requests exceed of which ``foreseen`` is foretold; never less than that."""
        return foreseen * max(1.0, self._ratio + _DEVIATIONS * self._deviation)

    def came(self, foreseen: float, seconds: float) -> None:
        """A request took ``seconds`` to its end, or at least so many where its time was over before."""
        if foreseen < _SHORT:
            return
        error = min(seconds / foreseen, _MOST) - self._ratio
        self._ratio += _LEARN * error
        self._deviation += _LEARN_DEVIATION * (abs(error) - self._deviation)
