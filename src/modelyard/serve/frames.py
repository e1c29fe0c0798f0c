"""Messages between the server and its workers: a JSON object, and bytes that stand beside it.

A frame is two little-endian uint32, the sizes of both parts, and the parts. Data only: nothing in a frame
can name code to run. Knows no socket.
"""

from __future__ import annotations

import json
import struct
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.task import Prediction
from modelyard.core.transform import Row

_SIZES = struct.Struct("<II")

Answer = Prediction | Exception
"""What became of one row."""


class WorkerError(Exception):
    """The model failed in a worker; the message there is left out, as it may quote a text.

    Attributes:
        kind: the exception's class name.
        frames: where in the code.
    """

    def __init__(self, kind: str, frames: Sequence[str]) -> None:
        super().__init__(f"{kind} in a worker")
        self.kind, self.frames = kind, list(frames)


@dataclass(frozen=True)
class Frame:
    """One message."""

    head: Mapping[str, Any]
    tail: bytes = b""


def pack(head: Mapping[str, Any], tail: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(head).encode()
    return b"".join((_SIZES.pack(len(text), len(tail)), text, tail))


class Unpacker:
    """Cuts a stream of bytes into messages, however it arrives."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """The messages that are complete with ``data``."""
        self._buffer += data
        frames, start = [], 0
        while len(self._buffer) - start >= _SIZES.size:
            head, tail = _SIZES.unpack_from(self._buffer, start)
            middle = start + _SIZES.size + head
            if len(self._buffer) < middle + tail:
                break
            text = self._buffer[start + _SIZES.size : middle].decode()
            frames.append(Frame(json.loads(text), bytes(self._buffer[middle : middle + tail])))
            start = middle + tail
        del self._buffer[:start]
        return frames


def pack_rows(rows: Sequence[Row], options: Mapping[str, Any], kind: str, **more: Any) -> bytes:
    """Rows to be answered; values that are bytes travel beside the JSON part. ``more`` is JSON."""
    plain: list[dict[str, Any]] = []
    places: list[tuple[int, str, int]] = []
    blobs: list[bytes] = []
    for number, row in enumerate(rows):
        plain.append(dict(row))
        for role, value in row.items():
            if isinstance(value, bytes):
                plain[-1][role] = None
                places.append((number, role, len(value)))
                blobs.append(value)
    return pack({kind: plain, "options": options, "places": places, **more}, b"".join(blobs))


def unpack_rows(frame: Frame, kind: str) -> list[Row]:
    """The rows of :func:`pack_rows`."""
    rows: list[dict[str, Any]] = frame.head[kind]
    start = 0
    for number, role, size in frame.head["places"]:
        rows[number][role] = frame.tail[start : start + size]
        start += size
    return list(rows)


def to_json(answer: Answer) -> dict[str, Any]:
    """An answer as JSON."""
    if isinstance(answer, InputError):
        return {"refused": answer.to_json()}
    if isinstance(answer, WorkerError):
        return {"failed": {"kind": answer.kind, "frames": answer.frames}}
    if isinstance(answer, Exception):
        return to_json(as_failure(answer))
    return {"prediction": answer}


def from_json(item: Mapping[str, Any]) -> Answer:
    """The answer of :func:`to_json`."""
    if "refused" in item:
        parts = dict(item["refused"])
        return InputError(parts.pop("error"), **parts)
    if "failed" in item:
        return WorkerError(**item["failed"])
    prediction: Prediction = item["prediction"]
    return prediction


def as_failure(error: BaseException) -> WorkerError:
    """What may be told of a failure: its kind and its place. A panic of a native library is no Exception."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return WorkerError(type(error).__name__, frames)
