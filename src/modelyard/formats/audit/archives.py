"""Zip, tar and compressed files: what their members are called, and each member as a file of its own.

Nothing is unpacked onto the disk. A member is read in memory, and never more of it than the limit.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from modelyard.formats.audit.finding import Blob, Finding, Severity

MOST_MEMBERS = 10_000
LARGEST_UNPACKED = 64 * 2**20
"""Bytes of a compressed member or file that are looked at."""
LARGEST_RATIO = 1000
DEEPEST = 3

_OPAQUE = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\x04\x22\x4d\x18": "LZ4",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}


def _zlib(stream: BinaryIO) -> BinaryIO:
    return io.BytesIO(zlib.decompressobj().decompress(stream.read(), LARGEST_UNPACKED + 1))


_PACKED: dict[bytes, Callable[[BinaryIO], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
    b"\x5d\x00\x00": lzma.open,
    b"\x78\x01": _zlib,
    b"\x78\x9c": _zlib,
    b"\x78\xda": _zlib,
}
_UNREADABLE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, OSError, NotImplementedError, RuntimeError, ValueError),
)

Inspect = Callable[[Blob], Iterator[Finding]]


def is_archive(blob: Blob) -> bool:
    start = blob.start
    return start.startswith((b"PK\x03\x04", b"PK\x05\x06", *_OPAQUE, *_PACKED)) or start[257:262] == b"ustar"


def inspect(blob: Blob, each: Inspect) -> Iterator[Finding]:
    """Judge an archive, and hand each member to ``each``."""
    opaque = next((name for start, name in _OPAQUE.items() if blob.start.startswith(start)), "")
    if opaque or blob.depth >= DEEPEST:
        what = f"a {opaque} archive, which is not looked into" if opaque else f"archives in archives, {DEEPEST} deep"
        yield blob.finding(
            Severity.MEDIUM, what, expected="files as they are", fix="unpack it elsewhere and scan the folder"
        )
        return
    try:
        if blob.start.startswith(b"PK"):
            yield from _zip(blob, each)
        elif blob.start[257:262] == b"ustar":
            yield from _tar(blob, each)
        else:
            yield from _packed(blob, each)
    except _UNREADABLE as error:
        yield blob.finding(
            Severity.HIGH,
            f"an archive that cannot be read: {type(error).__name__}: {error}"[:200],
            expected="a whole archive; readers that go on after an error may see something else in it",
            fix="fetch it again; do not use it if that does not help",
        )


def _zip(blob: Blob, each: Inspect) -> Iterator[Finding]:
    with blob.open() as stream, zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        yield from _names(blob, [item.filename for item in members])
        for item in members[:MOST_MEMBERS]:
            if stat.S_ISLNK(item.external_attr >> 16):
                yield _link(blob, item.filename)
                continue
            if item.flag_bits & 1:
                yield blob.finding(
                    Severity.MEDIUM,
                    f"{item.filename!r} is encrypted and not looked into",
                    expected="files that can be read",
                    fix="unpack it elsewhere and scan the folder",
                )
                continue
            if item.file_size > max(LARGEST_UNPACKED, LARGEST_RATIO * item.compress_size):
                yield _bomb(blob, item.filename)
                continue
            yield from each(_member(blob, item.filename, item.file_size, lambda item=item: archive.open(item)))  # type: ignore[misc]
        if any("/code/" in f"/{item.filename}" and item.filename.endswith(".py") for item in members):
            yield blob.finding(
                Severity.MEDIUM,
                "a TorchScript program",
                expected="weights without a program",
                fix="save the weights alone with safetensors, or export the network to ONNX",
            )


def _tar(blob: Blob, each: Inspect) -> Iterator[Finding]:
    with blob.open() as stream, tarfile.open(fileobj=stream, mode="r:") as archive:
        members = archive.getmembers()
        yield from _names(blob, [item.name for item in members])
        for item in members[:MOST_MEMBERS]:
            if item.issym() or item.islnk() or item.isdev():
                yield _link(blob, item.name)
            elif item.isfile():
                yield from each(
                    _member(blob, item.name, item.size, lambda item=item: cast(BinaryIO, archive.extractfile(item)))  # type: ignore[misc]
                )


def _packed(blob: Blob, each: Inspect) -> Iterator[Finding]:
    opener = next(opener for start, opener in _PACKED.items() if blob.start.startswith(start))
    with blob.open() as stream, opener(stream) as unpacked:
        data = unpacked.read(LARGEST_UNPACKED + 1)
    yield from each(_member(blob, blob.base.removesuffix(blob.suffix), len(data), lambda: io.BytesIO(data)))
    if len(data) > LARGEST_UNPACKED:
        yield blob.finding(
            Severity.MEDIUM,
            f"unpacks to more than {LARGEST_UNPACKED} bytes, of which the rest is not looked at",
            expected="files as they are",
            fix="unpack it elsewhere and scan the folder",
        )


def _member(blob: Blob, name: str, size: int, opener: Callable[[], object]) -> Blob:
    return Blob(f"{blob.name}!{name}", size, cast(Callable[[], BinaryIO], opener), blob.depth + 1)


def _names(blob: Blob, names: list[str]) -> Iterator[Finding]:
    leaving = [
        name for name in names if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name
    ]
    if leaving:
        yield blob.finding(
            Severity.CRITICAL,
            f"a member would be unpacked outside the folder: {leaving[0]!r:.120}",
            expected="plain names below the archive's own folder",
            fix="do not unpack it",
        )
    if len(set(names)) != len(names):
        yield blob.finding(
            Severity.HIGH,
            "two members of one name; readers differ in which they take",
            expected="each name once",
            fix="do not use it",
        )
    if len(names) > MOST_MEMBERS:
        yield blob.finding(
            Severity.HIGH,
            f"{len(names)} members, of which {MOST_MEMBERS} were looked at",
            expected=f"{MOST_MEMBERS} at most",
            fix="unpack it elsewhere and scan the folder",
        )


def _link(blob: Blob, name: str) -> Finding:
    return blob.finding(
        Severity.HIGH,
        f"{name!r:.120} is a link or a device",
        expected="files",
        fix="do not unpack it, or unpack it with links refused",
    )


def _bomb(blob: Blob, name: str) -> Finding:
    return blob.finding(
        Severity.HIGH,
        f"{name!r:.120} unpacks to more than {LARGEST_RATIO} times its size",
        expected="sizes that a model has",
        fix="do not unpack it",
    )
