"""The log: one line of ASCII JSON an event on standard error, its fields named by the Elastic Common Schema.

ASCII, so that no header or path can forge a line or steer a terminal. Where nobody reads the log, lines are lost and no
request waits. What stands in a line is its writer's to say; no writer passes a text or a key.
https://www.elastic.co/guide/en/ecs/current and, for how a line begins, https://github.com/elastic/ecs-logging.
"""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Any, Literal, TextIO

import orjson

ECS = "8.11.0"
SERVICE = "modelyard"

Level = Literal["info", "warn", "error"]


def write_log(action: str, fields: Mapping[str, Any], *, level: Level = "info", message: str = "") -> None:
    """Write one line.

    Args:
        action: what happened, as ``event.action``.
        fields: values by their dotted names; what is empty is left out.
        message: the line in words; by default the action.
    """
    line = {
        "@timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "log.level": level,
        "message": message or action,
        "ecs.version": ECS,
        "service.name": SERVICE,
        "service.version": _version(),
        "event.action": action,
    }
    line.update((name, value) for name, value in fields.items() if value not in ("", None))
    _LOG.write(_to_ascii(line) + "\n")


def lost_lines() -> int:
    """Lines of this process that nobody was there to take."""
    return _LOG.lost


class _Log:
    """Standard error, as long as it takes lines."""

    def __init__(self) -> None:
        self.lost = 0
        self._lock = threading.Lock()

    def write(self, line: str) -> None:
        # A pipe that is ready has room for PIPE_BUF bytes, which is 4096 here: more than a line. One writer at a time,
        # so that it is still ready when it is written to.
        with self._lock:
            if not _may_fill(sys.stderr) or select.select([], [sys.stderr], [], 0)[1]:
                sys.stderr.write(line)
            else:
                self.lost += 1


@lru_cache(1)
def _may_fill(stream: TextIO) -> bool:
    """Whether somebody must read what is written there: a pipe, a socket or a terminal, no file."""
    try:
        kind = os.fstat(stream.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind) or stream.isatty()


_LOG = _Log()


def _to_ascii(line: Mapping[str, Any]) -> str:
    """The faster library writes nearly every line; it leaves what is not ASCII as it is, and refuses half a surrogate
    pair."""
    try:
        text = orjson.dumps(line).decode()
    except TypeError:
        return json.dumps(line, separators=(",", ":"))
    return text if text.isascii() else json.dumps(line, separators=(",", ":"))


def model_labels(name: str, number: str) -> dict[str, str]:
    """The fields that say which model a line is about."""
    return {"labels.model": name, "labels.version": number}


@cache
def _version() -> str:
    return version("modelyard")
