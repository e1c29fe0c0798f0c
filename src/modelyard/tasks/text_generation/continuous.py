"""Answers that are written together: one joins the batch as soon as it has room, and leaves it when it has ended.

Scheduling by iteration (Yu et al. 2022, Orca): every step reads a bounded piece of a waiting prompt and appends one
token to each answer that is being written. An answer is given room in the cache for all that it may become, so that
one that was begun is never put aside. Knows no process and no clock.
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
from modelyard.tasks.text_generation.decoding import CHUNK, Answer, start
from modelyard.tasks.text_generation.options import GenerationOptions, read
from modelyard.tasks.text_generation.processor import Processor
from modelyard.tasks.text_generation.slots import Slots

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
        """Tokens of cache that it may come to hold."""
        return len(self.answer.prompt) + self.answer.limit


class ContinuousWriter:
    """Writes answers as :meth:`TextGeneration.predict` does, each with its own options.

    Args:
        slots: most answers at once.
        tokens: most tokens of prompts and answers that the cache holds at once.
    """

    def __init__(self, session: Session, processor: Processor, *, slots: int, tokens: int) -> None:
        self._session, self._processor, self._most = session, processor, slots
        self._tokens = tokens
        self._slots = Slots(processor.cache, slots, min(tokens, processor.context))
        self._waiting: deque[_Writing] = deque()
        self._reading: _Writing | None = None
        # The place in this list is the slot; who reads its prompt has the slot after the last.
        self._running: list[_Writing] = []

    @property
    def busy(self) -> bool:
        return bool(self._running or self._reading or self._waiting)

    def add(self, key: int, row: Row, options: Mapping[str, Any], owner: str = "") -> None:
        item = self._begin(key, row, options, owner)
        if item.room > self._tokens:
            raise too_long(item.room, self._tokens)
        self._waiting.append(item)

    def _begin(self, key: int, row: Row, options: Mapping[str, Any], owner: str) -> _Writing:
        chosen = read(options)
        if chosen.sequences != 1:
            raise InputError(f"options: sequences: {chosen.sequences} for one answer", expected="1")
        (answer,) = start(self._processor, [self._processor.prompt(str(row["text"]))], chosen)
        return _Writing(key, answer, chosen, owner)

    def drop(self, key: int) -> None:
        self._waiting = deque(item for item in self._waiting if item.key != key)
        if self._reading is not None and self._reading.key == key:
            self._slots.clear(len(self._running))
            self._reading = None
        for item in [item for item in self._running if item.key == key]:
            self._leave(item)

    def clear(self) -> list[int]:
        reading = [self._reading] if self._reading else []
        keys = [item.key for item in (*self._running, *reading, *self._waiting)]
        for key in keys:
            self.drop(key)
        return keys

    def step(self) -> list[tuple[int, Piece | InputError]]:
        # Who ends with its first token is not written on.
        pieces = self._read_prompts()
        return pieces + self._write()

    def _read_prompts(self) -> list[tuple[int, Piece | InputError]]:
        pieces: list[tuple[int, Piece | InputError]] = []
        left = BESIDE if self._running else CHUNK
        while left > 0 and (item := self._next_prompt()):
            ids = item.answer.prompt[item.read : item.read + left]
            logits = self._slots.append(self._session, len(self._running), ids[None])
            item.read += len(ids)
            left -= len(ids)
            if item.read == len(item.answer.prompt):
                self._reading = None
                self._running.append(item)
                pieces.append(self._choose(item, logits[0]))
        return pieces

    def _next_prompt(self) -> _Writing | None:
        """The one whose prompt is read, or the next if it has room."""
        if self._reading is None and self._waiting and len(self._running) < self._most:
            held = sum(item.room for item in self._running)
            if held + self._waiting[0].room <= self._tokens:
                self._reading = self._waiting.popleft()
                self._share(self._reading)
        return self._reading

    def _share(self, item: _Writing) -> None:
        """Take over what a prompt of the same owner that is being answered has in common with this one's.

        Not of others: how fast an answer begins would tell what they asked.
        """
        prompt = item.answer.prompt
        # The last token is always read: its logits are needed.
        common = [
            _common(prompt[:-1], other.answer.prompt) if other.owner == item.owner else 0 for other in self._running
        ]
        item.read = max(common, default=0)
        if item.read:
            self._slots.copy(common.index(item.read), len(self._running), item.read)

    def _write(self) -> list[tuple[int, Piece | InputError]]:
        """One token more for each that is being written."""
        writing = list(self._running)
        if not writing:
            return []
        tokens = np.asarray([[item.token] for item in writing])
        logits = self._slots.append(self._session, 0, tokens)
        return [self._choose(item, row) for item, row in zip(writing, logits, strict=True)]

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
            self._slots.copy(last, place, int(self._slots.lengths[last]))
        if self._reading is not None:
            self._slots.copy(last + 1, last, self._reading.read)
            last += 1
        self._slots.clear(last)


def room_for(processor: Processor, row: Row, options: Mapping[str, Any]) -> int:
    """Tokens of cache that the answer to a row may come to hold.

    Raises:
        InputError: the row or an option cannot be used.
    """
    prompt = processor.prompt(str(row["text"]))
    return len(prompt) + read(options).tokens_after(len(prompt), processor.context)


def too_long(needed: int, tokens: int) -> InputError:
    """What is said of an answer that no cache of this size can hold."""
    return InputError(
        f"prompt and answer may come to {needed} tokens",
        expected=f"at most {tokens} at once",
        fix="ask for fewer tokens, or serve with a larger --cache-limit",
    )


def _common(left: np.ndarray, right: np.ndarray) -> int:
    """How many tokens both begin with."""
    length = min(len(left), len(right))
    differ = np.flatnonzero(left[:length] != right[:length])
    return int(differ[0]) if len(differ) else length
