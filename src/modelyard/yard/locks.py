"""Locks between processes (and threads) on this machine, by ``flock`` on files.

The system drops a lock when its holder dies, so none is ever stale. Lock files stay: one that
was removed while somebody waited for it would be held twice.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.core.progress import progress
from modelyard.yard.durable import clear_failures


@contextmanager
def shared(file: Path) -> Iterator[None]:
    """Hold the lock together with others; waits while somebody holds it alone."""
    with _locked(file, fcntl.LOCK_SH, wait=True):
        yield


@contextmanager
def exclusive(file: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock alone.

    Raises:
        BlockingIOError: somebody else holds it, and ``wait`` is False.
    """
    with _locked(file, fcntl.LOCK_EX, wait=wait):
        yield


@contextmanager
def _locked(file: Path, operation: int, *, wait: bool) -> Iterator[None]:
    with clear_failures("locking the yard", file):
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if not wait:
                raise
            with progress("waiting for another process"):
                fcntl.flock(handle, operation)
        try:
            yield
        finally:
            # Unlocked by hand: a forked child may hold a copy of the handle.
            fcntl.flock(handle, fcntl.LOCK_UN)
    finally:
        os.close(handle)
