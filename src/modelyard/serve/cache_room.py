"""How many tokens the workers of a text generator can hold, and how many are promised.

Every answer is promised room for its prompt and for all that it may write, before it is begun: none has to be put
aside later. Knows how fast room becomes free; no process and no queue.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

_LEARN = 0.1
"""Part of the last rate that is believed."""
_GUESS = 100.0
"""Tokens a second that become free, while nothing is known."""


class CacheRoom:
    """Args:
    tokens: of all workers together.
    clock: monotonic seconds.
    """

    def __init__(self, tokens: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.tokens, self.held = tokens, 0
        self._clock = clock
        self._rate = _GUESS
        self._since, self._freed = clock(), 0

    def fits(self, room: int) -> bool:
        """Whether an answer of so many tokens can be begun now."""
        return self.held + room <= self.tokens

    def take(self, room: int) -> None:
        """An answer is begun."""
        if not self.held:
            # What was idle says nothing of how fast it works.
            self._since, self._freed = self._clock(), 0
        self.held += room

    def give_back(self, room: int) -> None:
        """An answer has ended."""
        self.held -= room
        self._freed += room
        seconds = self._clock() - self._since
        if seconds > 1.0:
            self._rate += _LEARN * (self._freed / seconds - self._rate)
            self._since, self._freed = self._clock(), 0

    def seconds(self, room: int) -> float:
        """How long so many tokens keep the workers busy."""
        return room / self._rate

    def wait(self, waiting: int) -> float:
        """How long it takes until there is room for all that waits."""
        return self.seconds(max(0, self.held + waiting - self.tokens))

    def retry_after(self, waiting: int) -> int:
        """Seconds to tell one who is turned away."""
        return min(60, max(1, math.ceil(self.wait(waiting))))
