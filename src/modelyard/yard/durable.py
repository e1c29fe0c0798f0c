"""Files that survive a power cut: what is synced, in which order, and how failures are worded.

Bytes first, then the folders that name them, then the rename that makes them visible, then the
folder that the rename changed. Knows files and folders, no artifacts.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from modelyard.core.errors import IntegrityError, ModelyardError

_ADVICE = {
    errno.ENOSPC: "free some space on that disk, or give MODELYARD_HOME a folder on a larger one; then run it again",
    errno.EDQUOT: "free some of your disk quota, or move MODELYARD_HOME; then run it again",
    errno.EFBIG: "raise the limit on the size of a file (ulimit -f), then run it again",
    errno.EMFILE: "raise the limit on open files (ulimit -n), then run it again",
    errno.ENFILE: "close some programs: the system is out of file handles; then run it again",
    errno.EIO: "check the disk: it did not take or give the bytes",
    errno.EROFS: "the file system is read-only; give MODELYARD_HOME a folder that can be written",
    errno.EACCES: "allow this user to write there, or give MODELYARD_HOME another folder",
    errno.ENOTDIR: "give MODELYARD_HOME a folder; a part of this path is a file",
    errno.EEXIST: "give MODELYARD_HOME a folder; this is a file",
}


@contextmanager
def clear_failures(doing: str, where: Path) -> Iterator[None]:
    """Word failures of the disk for a person.

    Raises:
        ModelyardError: the disk is full, broken or read-only, or there are no file handles left.
        IntegrityError: the database file is damaged.
    """
    try:
        yield
    except sqlite3.OperationalError as error:
        raise ModelyardError(
            f"{doing} failed: {error}",
            expected="a disk with space, file handles, and a folder that can be written",
            fix="mend that and run it again",
            where=str(where),
        ) from error
    except sqlite3.DatabaseError as error:
        raise IntegrityError(
            f"{doing} failed: {error}", fix="restore the yard from a backup", where=str(where)
        ) from error
    except OSError as error:
        reason = error.strerror or str(error)
        fix = _ADVICE.get(error.errno or 0, "mend that and run it again")
        raise ModelyardError(f"{doing} failed: {reason}", fix=fix, where=str(error.filename or where)) from error


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents durably; it may exist already, or appear meanwhile."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def sync(path: Path) -> None:
    """Return when the file's bytes, or the folder's names, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def freeze(folder: Path) -> None:
    """Make every file below ``folder`` read-only and put files and folders on the disk, leaves first."""
    for root, _, files in os.walk(folder, topdown=False, onerror=_fail):
        for name in files:
            (Path(root) / name).chmod(0o444)
            sync(Path(root) / name)
        sync(Path(root))


def _fail(error: OSError) -> None:
    # Left alone, ``os.walk`` passes over a folder that it cannot read.
    raise error


def move(folder: Path, target: Path) -> None:
    """Rename a folder on one file system, all or nothing; durable when it returns."""
    folder.rename(target)
    sync(target.parent)
    sync(folder.parent)


def clear(folder: Path) -> None:
    """Remove a folder of our own with all that is in it, if it is there."""
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
