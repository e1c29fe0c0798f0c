"""How often somebody may do something: a token bucket each.

Knows no clock: the time is an argument.
"""

from __future__ import annotations

from modelyard.core.access import Rate

_FEW = 1024
"""Buckets that are kept without a look at whether they are full again."""


class Rates:
    """A bucket for each name, forgotten once it is full again."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[Rate, float, float]] = {}
        self._most = _FEW

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, name: str, rate: Rate, now: float) -> float:
        """Do it once if that may be.

        Args:
            name: always given with the same rate.
            now: seconds.

        Returns:
            0, or seconds until it may be done; then it does not count.
        """
        left = self._left(name, rate, now)
        allowed = left >= 1
        self._buckets[name] = (rate, left - 1 if allowed else left, now)
        if len(self._buckets) > self._most:
            self._forget(now)
        return 0.0 if allowed else (1 - left) / rate.per_second

    def _left(self, name: str, rate: Rate, now: float) -> float:
        _, left, since = self._buckets.get(name, (rate, float(rate.burst), now))
        # A clock that was set back gives nothing and takes nothing.
        return min(float(rate.burst), left + max(0.0, now - since) * rate.per_second)

    def _forget(self, now: float) -> None:
        full = [name for name, (rate, _, _) in self._buckets.items() if self._left(name, rate, now) >= rate.burst]
        for name in full:
            del self._buckets[name]
        # Looked at again when there are twice as many, so that it costs little however many there are.
        self._most = 2 * len(self._buckets) + _FEW
