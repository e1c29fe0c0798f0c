"""Takes files out of a wheel (zip) or an sdist (tar.gz, zip) without trusting it.

Only plain files below the wanted path are written, each to a name inside the target; links, devices,
``..``, absolute names, doubled names and bombs are refused. Knows no package index.
"""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, cast

from modelyard.core.errors import InputError, suggestion

LARGEST_RATIO = 100
"""Unpacked bytes for each packed byte; text packs about 5 to 1, weights hardly at all."""
ALWAYS_ALLOWED = 32 * 2**20
"""Bytes that even the smallest archive may unpack to."""
MOST_MEMBERS = 200_000

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    gzip.BadGzipFile,
    EOFError,
    NotImplementedError,  # a compression that zipfile does not know
    FileExistsError,  # one name is both a file and a folder
    NotADirectoryError,
)


@dataclass(frozen=True)
class _Member:
    name: str
    plain: bool
    open: Callable[[], IO[bytes]]


def extract(archive: Path, wanted: str, target: Path) -> None:
    """Write the file or folder ``wanted`` of the archive to ``target``.

    Args:
        archive: a ``.whl``, ``.zip`` or ``.tar.gz``.
        wanted: path inside, with ``/``; of an sdist, below its top folder. Empty for everything.
        target: where to write; it must not exist yet, its parent must.

    Raises:
        InputError: there is no such path, or the archive is damaged or unsafe.
    """
    limit = max(ALWAYS_ALLOWED, LARGEST_RATIO * archive.stat().st_size)
    names: set[str] = set()
    written: set[str] = set()
    try:
        for member in _members(archive, limit):
            names.add(member.name)
            if len(names) > MOST_MEMBERS:
                raise InputError(f"more than {MOST_MEMBERS} files", where=archive.name)
            inner = _below(member.name, wanted)
            if inner is None:
                continue
            _check(member, written, archive)
            limit -= _copy(member, target / inner if inner else target, limit, archive)
    except _DAMAGED as error:
        raise InputError(f"damaged archive: {error}", fix="fetch it again", where=archive.name) from None
    if not written:
        near = suggestion(wanted, names) if len(names) < 5000 else "look at the list of files in the archive"
        raise InputError(f"no file or folder {wanted!r}", expected="a path inside", fix=near, where=archive.name)


def _below(name: str, wanted: str) -> str | None:
    """``name`` relative to ``wanted``; empty for the file itself, None if it lies elsewhere."""
    if not wanted:
        return name
    if name == wanted:
        return ""
    return name[len(wanted) + 1 :] if name.startswith(wanted + "/") else None


def _check(member: _Member, written: set[str], archive: Path) -> None:
    parts = PurePosixPath(member.name).parts
    # ``a//b`` and ``./a`` are other spellings of a name that may be there already.
    leaves = "/".join(parts) != member.name or ".." in parts or parts[0] == "/" or set(member.name) & {"\\", "\0"}
    faults = {
        "is not a plain path": leaves,
        "is a link, a device or encrypted": not member.plain,
        "is there twice": member.name in written,
    }
    for fault, found in faults.items():
        if found:
            raise InputError(f"unsafe archive: {member.name!r} {fault}", expected="plain files", where=archive.name)
    written.add(member.name)


def _copy(member: _Member, target: Path, limit: int, archive: Path) -> int:
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with member.open() as source, target.open("xb") as sink:
        while block := source.read(2**20):
            size += len(block)
            if size > limit:
                raise _bomb(archive)
            sink.write(block)
    return size


def _bomb(archive: Path) -> InputError:
    return InputError(
        f"the archive unpacks to more than {LARGEST_RATIO} times its size",
        expected="an ordinary package",
        fix="unpack it by hand, if you trust it, and name the folder",
        where=archive.name,
    )


def _members(archive: Path, limit: int) -> Iterator[_Member]:
    if zipfile.is_zipfile(archive):
        # A wheel's names are paths of modules; an sdist wraps all in one folder.
        return _zip_members(archive, strip=archive.suffix != ".whl")
    return _tar_members(archive, limit)


def _zip_members(archive: Path, strip: bool) -> Iterator[_Member]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            if info.is_dir():
                continue
            kind = stat.S_IFMT(info.external_attr >> 16)
            encrypted = bool(info.flag_bits & 1)
            name = _without_top(info.filename) if strip else info.filename
            yield _Member(name, kind in (0, stat.S_IFREG) and not encrypted, partial(file.open, info))


def _tar_members(archive: Path, limit: int) -> Iterator[_Member]:
    with _bounded_gzip(archive, limit) as plain, tarfile.open(fileobj=plain, mode="r|") as file:
        for info in file:
            if not info.isdir():
                # Of a regular file it is never None.
                extractfile = cast(Callable[[tarfile.TarInfo], IO[bytes]], file.extractfile)
                yield _Member(_without_top(info.name), info.isreg(), partial(extractfile, info))


def _without_top(name: str) -> str:
    return name.partition("/")[2] or name


class _Bounded(io.RawIOBase):
    """Reads at most ``limit`` bytes: also what a tar skips or keeps in memory (headers) is counted."""

    def __init__(self, stream: IO[bytes], limit: int, archive: Path) -> None:
        self.stream, self.left, self.archive = stream, limit, archive

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        # Never more than was asked for and allowed: a header may claim any size.
        block = self.stream.read(min(size, self.left + 1) if size >= 0 else self.left + 1)
        self.left -= len(block)
        if self.left < 0:
            raise _bomb(self.archive)
        return block


@contextmanager
def _bounded_gzip(archive: Path, limit: int) -> Iterator[IO[bytes]]:
    with gzip.open(archive) as stream:
        # Names, padding and headers need some room beside the files.
        yield cast(IO[bytes], _Bounded(cast(IO[bytes], stream), limit + ALWAYS_ALLOWED, archive))
