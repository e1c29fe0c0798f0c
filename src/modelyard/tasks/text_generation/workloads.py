"""What is timed of a language model: reading prompts, and writing token by token."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.runtime import Sampling, Session, WritingSession
from modelyard.core.task import Workload
from modelyard.tasks.text_generation import decoding
from modelyard.tasks.text_generation.processor import Processor
from modelyard.tasks.text_generation.slots import open_cache
from modelyard.tasks.text_generation.writing import SLOTS, TOKENS

STEPS = 8
"""Tokens that ``decode`` appends to each text."""


def of_generation(session: Session, processor: Processor, batch: int, length: int) -> Iterable[Workload]:
    """``prefill``: prompts of ``length`` tokens; ``decode``: some tokens after them, one call each.

    Raises:
        InputError: the context has no room for them.
    """
    # An engine chooses the first token as it reads the prompt.
    writes = isinstance(session, WritingSession)
    most = processor.context - STEPS - writes
    if length > most:
        raise InputError(f"length {length}", expected=f"at most {most} tokens")
    ids = np.random.default_rng(0).integers(0, processor.tokenizer.get_vocab_size(), (batch, length))
    if isinstance(session, WritingSession):
        return _of_engine(session, processor, ids)
    return _of_cache(session, processor, ids)


def _of_cache(session: Session, processor: Processor, ids: np.ndarray) -> Iterator[Workload]:
    batch, length = ids.shape
    cache = open_cache(session, processor.cache, slots=batch, tokens=length + STEPS)

    def read() -> None:
        cache.lengths[:] = 0
        decoding.read_prompts(cache, list(ids))

    def append() -> None:
        cache.lengths[:] = length
        for _ in range(STEPS):
            cache.append(list(enumerate(ids[:, :1])))

    yield Workload("prefill", read, batch * length, "token")
    read()
    yield Workload("decode", append, batch * STEPS, "token")


def _of_engine(session: WritingSession, processor: Processor, ids: np.ndarray) -> Iterator[Workload]:
    """The same where an engine chooses the tokens: ``decode`` writes on from run to run, and begins again in time."""
    batch, length = ids.shape
    room = max(TOKENS, batch * (length + STEPS + 1))
    limit = min(processor.context, room // batch) - length
    engine = session.open_engine(max(SLOTS, batch), room)
    owners = count()
    left: dict[int, int] = {}

    def begin(limit: int) -> None:
        # Of another owner each time: nobody has read these prompts before.
        owner = f"workload {next(owners)}"
        for key, prompt in enumerate(ids):
            engine.drop(key)
            engine.begin(key, prompt, limit, Sampling(), stops=(), owner=owner)
            left[key] = limit

    def step() -> None:
        for key, tokens in engine.step():
            left[key] -= len(tokens)

    def read() -> None:
        begin(1)
        while any(left.values()):
            step()

    def append() -> None:
        if min(left.values()) < STEPS:
            begin(limit)
            while limit in left.values():
                step()
        for _ in range(STEPS):
            step()

    try:
        yield Workload("prefill", read, batch * length, "token")
        left.update(dict.fromkeys(range(batch), 0))
        yield Workload("decode", append, batch * STEPS, "token")
    finally:
        for key in range(batch):
            engine.drop(key)
