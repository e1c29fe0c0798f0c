"""Answers that are written together: one joins the batch as soon as it has room, and leaves it when it has ended.

Scheduling by iteration (Yu et al. 2022, Orca): every step appends one token to each answer that is being written, and
reads a bounded piece of the prompts that wait, in one call where the cache can. An answer is given room in the cache
for all that it may become, so that one that was begun is never put aside. Knows no process and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.runtime import Session
from modelyard.core.task import Piece
from modelyard.core.transform import Row
from modelyard.tasks.text_generation.decoding import CHUNK, Answer, start_one, too_long
from modelyard.tasks.text_generation.options import GenerationOptions
from modelyard.tasks.text_generation.processor import Processor
from modelyard.tasks.text_generation.slots import open_cache

BESIDE = 64
"""Prompt tokens that one step reads while answers wait for their next token: it bounds how long they wait."""


@dataclass(eq=False)
class _Writing:
    """An answer and how far it is.

    Attributes:
        read: tokens of its prompt that the cache holds.
        token: the last one that was chosen; the cache does not hold it yet.
    """

    key: int
    answer: Answer
    options: GenerationOptions
    owner: str
    read: int = 0
    token: int = 0

    @property
    def room(self) -> int:
        return self.answer.room


class ContinuousWriter:
    """Writes answers as :meth:`TextGeneration.predict` does, each with its own options.

    Args:
        slots: most answers at once.
        tokens: most tokens of prompts and answers that the cache holds at once.
        longest: most tokens of one prompt and its answer; by default what the context allows.
    """

    def __init__(
        self, session: Session, processor: Processor, *, slots: int, tokens: int, longest: int | None = None
    ) -> None:
        self._processor, self._most, self._tokens = processor, slots, tokens
        longest = min(tokens, longest or processor.context)
        self._cache = open_cache(session, processor.cache, slots=slots, tokens=longest)
        self._waiting: deque[_Writing] = deque()
        # The place in this list is the slot; who reads its prompt has a slot after the last. Between two steps that is
        # one at most.
        self._running: list[_Writing] = []
        self._reading: list[_Writing] = []

    @property
    def busy(self) -> bool:
        return bool(self._running or self._reading or self._waiting)

    def add(self, key: int, row: Row, options: Mapping[str, Any], owner: str = "") -> None:
        self.begin(key, *start_one(self._processor, row, options), owner)

    def begin(self, key: int, answer: Answer, options: GenerationOptions, owner: str = "") -> None:
        """Let an answer of which nothing is written yet wait for its turn.

        Raises:
            InputError: the cache can never hold it.
        """
        item = _Writing(key, answer, options, owner)
        if item.room > self._tokens:
            raise too_long(item.room, self._tokens)
        self._waiting.append(item)

    def drop(self, key: int) -> None:
        self._waiting = deque(item for item in self._waiting if item.key != key)
        for item in [item for item in self._reading if item.key == key]:
            self._cache.clear(len(self._running) + self._reading.index(item))
            self._reading.remove(item)
        for item in [item for item in self._running if item.key == key]:
            self._leave(item)

    def clear(self) -> list[int]:
        keys = [item.key for item in (*self._running, *self._reading, *self._waiting)]
        for key in keys:
            self.drop(key)
        return keys

    def step(self) -> list[tuple[int, Piece | InputError]]:
        pieces = [np.array([item.token]) for item in self._running] + self._read_on()
        if not pieces:
            return []
        logits = self._cache.append(list(enumerate(pieces)))
        for item, ids in zip(list(self._reading), pieces[len(self._running) :], strict=True):
            item.read += len(ids)
        whole = [item for item in self._reading if item.read == len(item.answer.prompt)]
        self._running += whole
        del self._reading[: len(whole)]
        return [self._choose(item, row) for item, row in zip(list(self._running), logits, strict=False)]

    def _read_on(self) -> list[np.ndarray]:
        """The tokens that this step reads of each prompt; only the last one's can end before its prompt does."""
        left = BESIDE if self._running else CHUNK
        found: list[np.ndarray] = []
        while left > 0 and (len(found) < len(self._reading) or self._begin_next()):
            item = self._reading[len(found)]
            found.append(item.answer.prompt[item.read : item.read + left])
            left -= len(found[-1])
        return found

    def _begin_next(self) -> bool:
        """Let the next one in if it has room."""
        beside = [*self._running, *self._reading]
        if not self._waiting or len(beside) == self._most:
            return False
        item = self._waiting[0]
        if sum(other.room for other in beside) + item.room > self._tokens:
            return False
        half = len(item.answer.prompt) // 2
        if any(_shared(item, other) > half for other in self._reading):
            # The next step finds most of it in the cache.
            return False
        self._share(self._waiting.popleft(), len(beside))
        self._reading.append(item)
        return True

    def _share(self, item: _Writing, slot: int) -> None:
        """Take over what a prompt that is being answered has in common with this one's."""
        common = [_shared(item, other) for other in self._running]
        item.read = max(common, default=0)
        if item.read:
            self._cache.copy(common.index(item.read), slot, item.read)

    def _choose(self, item: _Writing, logits: np.ndarray) -> tuple[int, Piece | InputError]:
        """Its next token; it leaves if that was the last one."""
        answer = item.answer
        try:
            item.token = answer.choose(logits, item.options)
        except InputError as error:
            self._leave(item)
            return item.key, error
        text = answer.accept(item.token, self._processor)
        if answer.finish_reason is not None:
            self._leave(item)
        return item.key, Piece(text, answer.finish_reason, len(answer.prompt), len(answer.ids))

    def _leave(self, item: _Writing) -> None:
        """Free its slot; the last one moves there, so that slots in use lie side by side."""
        place, last = self._running.index(item), len(self._running) - 1
        moved = self._running.pop()
        if place != last:
            self._running[place] = moved
            self._cache.copy(last, place, int(self._cache.lengths[last]))
        for reading in self._reading:
            self._cache.copy(last + 1, last, reading.read)
            last += 1
        self._cache.clear(last)


def _shared(item: _Writing, other: _Writing) -> int:
    """Tokens that both prompts begin with, less the last: it is always read, since its logits are needed.

    None of another owner's: how fast an answer begins would tell what they asked.
    """
    return _common(item.answer.prompt[:-1], other.answer.prompt) if item.owner == other.owner else 0


def _common(left: np.ndarray, right: np.ndarray) -> int:
    """How many tokens both begin with."""
    length = min(len(left), len(right))
    differ = np.flatnonzero(left[:length] != right[:length])
    return int(differ[0]) if len(differ) else length
