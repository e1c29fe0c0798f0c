"""The keys that a running server knows: read again all the time, so that a revocation counts at once.

Knows no yard: reading is a function that it is given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from modelyard.core.access import Key, Role, id_in
from modelyard.core.errors import ModelyardError
from modelyard.serve.log import write_log

EVERY = 0.5
"""Seconds between two readings."""
PATIENCE = 30.0
"""Seconds that keys count for while they cannot be read again."""

_DECOY = Key("", "", Role.VIEWER, (), None, datetime.min, None, None, "0" * 64)
"""Compared with where there is no such key, so that it takes the same time; no token has this hash."""


class Keyring:
    """Finds the key that a token belongs to.

    Args:
        read: all keys there ever were.
        local: only this machine can reach the server. Then whoever does is its operator, while there are no keys.
        clock: seconds since the epoch.

    Raises:
        ModelyardError: the keys cannot be read.
    """

    def __init__(
        self, read: Callable[[], Sequence[Key]], *, local: bool, clock: Callable[[], float] = time.time
    ) -> None:
        self._read, self._local, self._clock = read, local, clock
        self.refresh()

    def refresh(self) -> None:
        """Read the keys again.

        Raises:
            ModelyardError: they cannot be read; what was read before counts on for a while.
        """
        started = self._clock()
        self._keys = {key.id: key for key in self._read()}
        self._read_at = started

    async def watch(self) -> None:
        """Read the keys again and again."""
        while True:
            await asyncio.sleep(EVERY)
            try:
                await asyncio.to_thread(self.refresh)
            except Exception as error:
                # Whatever it was, it must not end the watch. Nobody is let in once it has failed for too long.
                problem = str(error).splitlines()[0] if isinstance(error, ModelyardError) else type(error).__name__
                write_log("keys", {"error.message": problem}, level="error")

    @property
    def current(self) -> bool:
        """Whether what was read still counts."""
        return self._clock() - self._read_at < PATIENCE

    @property
    def open(self) -> bool:
        """Whether no key is asked for."""
        return self._local and not self._keys

    @property
    def usable(self) -> bool:
        """Whether any key gives anything."""
        return any(self.state(key) == "active" for key in self._keys.values())

    def find(self, token: str) -> Key | None:
        """The key of this token, also one that gives nothing any more."""
        key = self._keys.get(id_in(token) or "", _DECOY)
        return key if key.opens_with(token) else None

    def state(self, key: Key) -> str:
        """``active``, ``expired`` or ``revoked``."""
        return key.state(datetime.fromtimestamp(self._clock(), UTC))

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock()


def no_keys() -> list[Key]:
    """For a server without a yard."""
    return []
