"""Who writes the answers of a session: the loop here, or the engine of a runtime that writes by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.runtime import Session, WritingSession
from modelyard.core.task import Piece
from modelyard.core.transform import Row
from modelyard.tasks.text_generation.continuous import ContinuousWriter
from modelyard.tasks.text_generation.decoding import Answer
from modelyard.tasks.text_generation.delegated import DelegatedWriter
from modelyard.tasks.text_generation.options import GenerationOptions, read
from modelyard.tasks.text_generation.processor import Processor

SLOTS, TOKENS = 16, 1 << 14
"""Of an engine that nobody gave bounds: opening one takes seconds, so that one is to serve whatever is asked next."""


def open_writer(
    session: Session, processor: Processor, *, slots: int, tokens: int
) -> ContinuousWriter | DelegatedWriter:
    """A writer with nothing to do.

    Args:
        slots: most answers at once.
        tokens: most tokens of prompts and answers that the cache holds at once.
    """
    if isinstance(session, WritingSession):
        return DelegatedWriter(session.open_engine(slots, tokens), processor, tokens=min(tokens, processor.context))
    return ContinuousWriter(session, processor, slots=slots, tokens=tokens)


def write(
    session: Session, processor: Processor, answers: Sequence[Answer], options: GenerationOptions
) -> Iterator[tuple[Answer, Piece]]:
    """Write some answers together until every one has ended; gives each answer with what came, token by token.

    Raises:
        InputError: the model's answer is no number.
    """
    writer = _writer_for(session, processor, [answer.room for answer in answers])
    try:
        for key, answer in enumerate(answers):
            writer.begin(key, answer, options)
        while writer.busy:
            for key, piece in writer.step():
                if isinstance(piece, InputError):
                    raise piece
                yield answers[key], piece
    finally:
        # Whoever stops listening wants no more of it; an engine would go on.
        writer.clear()


def _writer_for(session: Session, processor: Processor, rooms: Sequence[int]) -> ContinuousWriter | DelegatedWriter:
    if isinstance(session, WritingSession):
        return open_writer(session, processor, slots=SLOTS, tokens=max(TOKENS, *rooms))
    return ContinuousWriter(session, processor, slots=len(rooms), tokens=sum(rooms), longest=max(rooms))


def room_for(processor: Processor, row: Row, options: Mapping[str, Any]) -> int:
    """Tokens of cache that the answer to a row may come to hold.

    Raises:
        InputError: the row or an option cannot be used.
    """
    prompt = processor.prompt(str(row["text"]))
    return len(prompt) + read(options).tokens_after(len(prompt), processor.context)
