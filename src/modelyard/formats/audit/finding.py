"""What an audit says of a file, and the file as an audit sees it: a name, a size and bytes to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, BinaryIO

START = 512
"""Bytes in which a kind of file is told, a tar archive's signature at 257 included."""
LONGEST_TEXT = 64 * 2**20


class Severity(IntEnum):
    """How bad it is. From ``medium`` on, the files should not be used as they are."""

    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with one file."""

    severity: Severity
    file: str
    what: str
    expected: str
    fix: str

    def to_json(self) -> dict[str, Any]:
        return {
            "severity": self.severity.word,
            "file": self.file,
            "what": self.what,
            "expected": self.expected,
            "fix": self.fix,
        }


@dataclass(frozen=True)
class Blob:
    """Bytes with a name: a file, or a member of an archive (``model.pt!archive/data.pkl``)."""

    name: str
    size: int
    open: Callable[[], BinaryIO]
    depth: int = 0
    """Archives that it lies in."""

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name.rpartition("!")[2]).suffix.lower()

    @property
    def base(self) -> str:
        """The last part of the name."""
        return PurePosixPath(self.name.rpartition("!")[2]).name

    @cached_property
    def start(self) -> bytes:
        with self.open() as stream:
            return stream.read(START)

    def read(self, limit: int = LONGEST_TEXT) -> bytes:
        """The first ``limit`` bytes."""
        with self.open() as stream:
            return stream.read(limit)

    def finding(self, severity: Severity, what: str, *, expected: str, fix: str) -> Finding:
        return Finding(severity, self.name, what, expected, fix)
