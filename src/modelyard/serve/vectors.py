"""Embeddings of live rows beside those of the rows that a version was proven on.

Both come from the version itself, asked for a few at a time and last of all, so that no request waits for them. Kept
are vectors; a text that waits for its own is gone after the next look. Knows no HTTP and no yard.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.task import EMBEDDING, Prediction
from modelyard.core.transform import Row
from modelyard.serve.refusals import RefusalError

SIZE = 300
"""Vectors of either kind that are held against each other."""
AT_ONCE = 50
"""Rows that are asked for in one look."""

Ask = Callable[[Sequence[Row]], Awaitable[Sequence[Prediction]]]
"""The version's answers to rows, with their embeddings."""


class Vectors:
    """Empty until it is told what to hold live rows against."""

    def __init__(self) -> None:
        self._unknown: list[Row] = []
        self._own: list[np.ndarray] = []
        self._live: deque[np.ndarray] = deque(maxlen=SIZE)
        self._waiting: deque[Row] = deque(maxlen=AT_ONCE)
        self._watches = False

    def begin(self, rows: Sequence[Row]) -> None:
        """Hold what comes from now on against these rows, some of them chosen by chance."""
        chosen = np.random.default_rng(0).permutation(len(rows))[:SIZE]
        self._unknown, self._watches = [rows[place] for place in np.sort(chosen)], True

    def saw(self, rows: Sequence[Row]) -> None:
        """Rows were answered; the last of them are looked at."""
        if self._watches:
            self._waiting.extend(rows)

    async def look(self, ask: Ask) -> None:
        """Ask for some of what is not known yet, the reference first."""
        if self._unknown:
            found = await self._ask(ask, self._unknown[:AT_ONCE])
            # Where the version is too busy, they are asked for again.
            del self._unknown[: len(found)]
            self._own += found
        rows = list(self._waiting)
        self._waiting.clear()
        if rows:
            self._live.extend(await self._ask(ask, rows))

    async def _ask(self, ask: Ask, rows: Sequence[Row]) -> list[np.ndarray]:
        try:
            return [np.asarray(answer[EMBEDDING], dtype=np.float32) for answer in await ask(rows)]
        except RefusalError:
            return []
        except InputError:
            # The version gives no embeddings.
            self._watches, self._unknown = False, []
            return []

    @property
    def pair(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Those of live rows and those of the reference; None until the reference is known, and some of live rows."""
        if self._unknown or len(self._own) < 2 or len(self._live) < 2:
            return None
        # Copied at once: the event loop may add to them meanwhile.
        return np.stack(list(self._live)), np.stack(list(self._own))
