"""Files that hold keys: made once, readable by their owner alone. Knows no kind of key."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from modelyard.core.errors import InputError

_LARGEST = 10_000
"""Bytes of a file with a key; a PEM of an Ed25519 key has some 120."""


def write_new(file: Path, data: bytes, mode: int) -> None:
    """Write a key into a new file.

    Args:
        mode: who may read it, 0o600 for a secret.

    Raises:
        InputError: the file is there already, or cannot be written.
    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    except FileExistsError:
        raise InputError("a key is never written over", fix="name another file", where=str(file)) from None
    except OSError as error:
        raise InputError(f"the key cannot be written: {error.strerror}", where=str(file)) from None
    with os.fdopen(handle, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def read(file: Path, *, private: bool) -> bytes:
    """The bytes of a key's file.

    Args:
        private: the key is a secret: a file that others may read is refused.

    Raises:
        InputError: the file cannot be read, or others may read it too.
    """
    try:
        with file.open("rb") as stream:
            mode = os.fstat(stream.fileno()).st_mode
            data = stream.read(_LARGEST)
    except OSError as error:
        raise InputError(f"no key can be read: {error.strerror}", where=str(file)) from None
    if private and stat.S_IMODE(mode) & 0o077:
        raise InputError(
            f"others may read this private key (mode {stat.S_IMODE(mode):o})",
            expected="a file that only its owner can read",
            fix=f"chmod 600 {file}; make a new key if somebody has read it",
            where=str(file),
        )
    return data
