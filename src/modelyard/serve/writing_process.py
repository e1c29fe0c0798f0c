"""What a worker process does whose model generates text: many answers at once, each told token by token.

Between two steps it takes up what was sent meanwhile: a new answer joins, one that nobody wants any more leaves.
Knows frames and a writer; no HTTP and no scheduling.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

from modelyard.core.predictor import Predictor, apply_opened
from modelyard.core.task import GeneratingTask, Piece, Writer
from modelyard.serve import frames
from modelyard.serve.frames import Frame, Unpacker

_CHUNK = 1 << 18


def open_writer(predictor: Predictor, *, slots: int, tokens: int) -> Writer:
    """A writer that is ready.

    Args:
        slots: most answers at once.
        tokens: most tokens that their cache holds.
    """
    task = cast(GeneratingTask, predictor.task)
    return task.writer(predictor.session, predictor.processor, slots=slots, tokens=tokens)


def write_answers(connection: socket.socket, predictor: Predictor, writer: Writer) -> None:
    """Until the server closes its end."""
    unpacker = Unpacker()
    while True:
        if not writer.busy or select.select([connection], [], [], 0)[0]:
            data = connection.recv(_CHUNK)
            if not data:
                return
            refused = [item for frame in unpacker.feed(data) for item in _take(frame, predictor, writer)]
            _tell(connection, refused)
        elif pieces := _step(writer):
            _tell(connection, pieces)


def _take(frame: Frame, predictor: Predictor, writer: Writer) -> list[tuple[int, Exception]]:
    """Do what the server says; the answer that cannot be begun, and why."""
    key = frame.head["key"]
    if "drop" in frame.head:
        writer.drop(key)
        return []
    try:
        rows = apply_opened(predictor.transforms, frames.unpack_rows(frame, "write"))
        writer.add(key, rows[0], frame.head["options"], frame.head["owner"])
    except BaseException as error:
        return [(key, _as_exception(error))]
    return []


def _step(writer: Writer) -> Sequence[tuple[int, Piece | Exception]]:
    try:
        return writer.step()
    except BaseException as error:
        # Nobody knows whose fault it was, and what the cache holds now.
        return [(key, _as_exception(error)) for key in writer.clear()]


def _tell(connection: socket.socket, items: Sequence[tuple[int, Piece | Exception]]) -> None:
    if items:
        connection.sendall(frames.pack({"pieces": [[key, _to_json(item)] for key, item in items]}))


def _to_json(item: Piece | Exception) -> dict[str, Any]:
    return {"piece": asdict(item)} if isinstance(item, Piece) else frames.to_json(item)


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else frames.as_failure(error)
