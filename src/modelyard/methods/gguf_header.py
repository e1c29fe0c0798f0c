"""Checks the header of a GGUF file before a reader allocates or seeks by what it says.

The format (ggml, version 2 and 3, little-endian): counts, key–value metadata, tensor infos, padding,
tensors. Reads from a stream that it is given; interprets no metadata but the alignment.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import BinaryIO

from modelyard.core.errors import InputError

MAGIC = b"GGUF"
DEFAULT_ALIGNMENT = 32
LONGEST_NAME = 65_535
LONGEST_TEXT = 1 << 24
MOST_DIMENSIONS = 8
DEEPEST_ARRAY = 4
MOST_ITEMS = 10_000_000
"""Strings in arrays; the largest vocabularies have some 300,000."""

_STRING, _ARRAY, _UINT32 = 8, 9, 4
_WIDTHS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of each plain value type."""


def check(stream: BinaryIO, size: int) -> int:
    """See that every count, length and offset stays inside the file.

    Args:
        stream: the file, at its beginning.
        size: bytes of the whole file.

    Returns:
        How many numbers its tensors hold, whatever their type.

    Raises:
        InputError: it is no GGUF file of a known version, or something in it leaves the file, overlaps
            or is not aligned.
    """
    reader = _Reader(stream, size)
    if reader.take(4) != MAGIC or reader.number("<I") not in (2, 3):
        raise _unsound("no GGUF of version 2 or 3, little-endian")
    tensors, entries = reader.number("<Q"), reader.number("<Q")
    # The least that one takes: 24 bytes a tensor's info, 13 an entry.
    if tensors * 24 + entries * 13 > size:
        raise _unsound(f"{tensors} tensors and {entries} entries in {size} bytes")
    alignment = DEFAULT_ALIGNMENT
    for _ in range(entries):
        key = reader.text(LONGEST_NAME)
        kind = reader.number("<I")
        if key == b"general.alignment":
            alignment = reader.number("<I") if kind == _UINT32 else 0
            if alignment == 0 or alignment & (alignment - 1) or alignment > 2**20:
                raise _unsound("its alignment is not a power of two up to 1 MiB")
        else:
            reader.skip_value(kind)
    found = [_extent(reader, alignment) for _ in range(tensors)]
    available = size - math.ceil(reader.position / alignment) * alignment
    _check_extents(sorted(extent for extent, _ in found), available)
    return sum(elements for _, elements in found)


def texts(stream: BinaryIO, size: int, prefix: str) -> dict[str, str]:
    """Texts of the metadata by key, of a file that :func:`check` found sound.

    Args:
        stream: the file, at its beginning.
        size: bytes of the whole file.
        prefix: beginning of the keys that are wanted, such as ``tokenizer.chat_template``.
    """
    reader = _Reader(stream, size)
    reader.take(4 + 4 + 8)
    found = {}
    for _ in range(reader.number("<Q")):
        key = reader.text(LONGEST_NAME).decode("utf-8", "replace")
        kind = reader.number("<I")
        if key.startswith(prefix) and kind == _STRING:
            found[key] = reader.text(LONGEST_TEXT).decode("utf-8", "replace")
        else:
            reader.skip_value(kind)
    return found


def _extent(reader: _Reader, alignment: int) -> tuple[tuple[int, int, str], int]:
    """First byte, byte after the last, and name of a tensor, counted from the first tensor; and its elements."""
    from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType

    name = reader.text(LONGEST_NAME).decode("utf-8", "replace")
    dimensions = reader.number("<I")
    if dimensions > MOST_DIMENSIONS:
        raise _unsound(f"tensor {name!r} has {dimensions} dimensions")
    shape = [reader.number("<Q") for _ in range(dimensions)]
    kind, offset = reader.number("<I"), reader.number("<Q")
    if kind not in set(GGMLQuantizationType):
        raise _unsound(f"tensor {name!r} has the unknown type {kind}")
    block, width = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    elements = math.prod(shape)
    if elements % block or offset % alignment:
        raise _unsound(f"tensor {name!r} is not made of whole blocks, or not aligned")
    return (offset, offset + elements // block * width, name), elements


def _check_extents(extents: list[tuple[int, int, str]], available: int) -> None:
    end = 0
    for start, stop, name in extents:
        if start < end:
            raise _unsound(f"tensor {name!r} overlaps the one before")
        if stop > available:
            raise _unsound(f"tensor {name!r} leaves the file")
        end = stop


@dataclass
class _Reader:
    """Reads on, never past the end and never more than was checked."""

    stream: BinaryIO
    size: int
    position: int = 0
    items: int = 0

    def take(self, count: int) -> bytes:
        self._advance(count)
        data = self.stream.read(count)
        if len(data) != count:
            raise _unsound("it ends too early")
        return data

    def number(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def text(self, longest: int) -> bytes:
        length = self.number("<Q")
        if length > longest:
            raise _unsound(f"a name of {length} bytes")
        return self.take(length)

    def skip_value(self, kind: int, depth: int = 0) -> None:
        if kind in _WIDTHS:
            self._skip(_WIDTHS[kind])
        elif kind == _STRING:
            self._skip(self.number("<Q"))
        elif kind == _ARRAY and depth < DEEPEST_ARRAY:
            inner, count = self.number("<I"), self.number("<Q")
            if inner in _WIDTHS:
                self._skip(count * _WIDTHS[inner])
            else:
                self.items += count
                if self.items > MOST_ITEMS:
                    raise _unsound(f"arrays of {self.items} items")
                for _ in range(count):
                    self.skip_value(inner, depth + 1)
        else:
            raise _unsound(f"a value of the unknown type {kind}")

    def _skip(self, count: int) -> None:
        self._advance(count)
        self.stream.seek(count, 1)

    def _advance(self, count: int) -> None:
        self.position += count
        if self.position > self.size:
            raise _unsound("a length in it leads out of the file")


def _unsound(what: str) -> InputError:
    return InputError(f"not a sound GGUF file: {what}", fix="fetch it again; do not use it if that does not help")
