"""Checks the header of a safetensors file before anything is mapped or allocated by it.

The format (Hugging Face, 2022): eight bytes of length, a JSON header, then tensors without gaps. Reads
from a stream that it is given; knows no tensor library.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

from modelyard.core.errors import InputError

LARGEST_HEADER = 16 * 2**20
"""Bytes; the largest published models need well under one MiB a file."""
MOST_DIMENSIONS = 32

_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}


def check(stream: BinaryIO, size: int) -> int:
    """See that the header is sound and describes exactly the bytes that follow it.

    Args:
        stream: the file, at its beginning.
        size: bytes of the whole file.

    Returns:
        How many numbers its tensors hold, whatever their type.

    Raises:
        InputError: a giant or unreadable header, a doubled key, or tensors that overlap, leave gaps,
            leave the file, or have another size than their shape says.
    """
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > min(LARGEST_HEADER, size - 8):
        raise _unsound(f"a header of {length} bytes in a file of {size}")
    try:
        header = json.loads(stream.read(length).decode(), object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise _unsound(f"its header cannot be read ({str(error)[:100]})") from None
    if not isinstance(header, dict):
        raise _unsound("its header is not a mapping")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or any(not isinstance(value, str) for value in metadata.values()):
        raise _unsound("its metadata is not a mapping of text")
    end = 0
    for start, stop, name in sorted(_extent(name, entry) for name, entry in header.items()):
        if start != end:
            raise _unsound(f"tensor {name!r} {'overlaps' if start < end else 'leaves a gap after'} the one before")
        end = stop
    if end != size - 8 - length:
        raise _unsound(f"its tensors end at byte {end} of {size - 8 - length}")
    return sum(math.prod(entry["shape"]) for entry in header.values())


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a doubled key")
    return found


def _extent(name: str, entry: Any) -> tuple[int, int, str]:
    """First byte, byte after the last, and name of a tensor."""
    entry = entry if isinstance(entry, dict) else {}
    bits, shape, offsets = _BITS.get(str(entry.get("dtype"))), entry.get("shape"), entry.get("data_offsets")
    if bits is None or not _whole_numbers(shape) or not _whole_numbers(offsets) or len(offsets) != 2:
        raise _unsound(f"tensor {name!r} lacks a known dtype, a shape or two offsets")
    if len(shape) > MOST_DIMENSIONS or (offsets[1] - offsets[0]) * 8 != math.prod(shape) * bits:
        raise _unsound(f"tensor {name!r} does not have the size that its shape says")
    return offsets[0], offsets[1], name


def _whole_numbers(value: Any) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _unsound(what: str) -> InputError:
    return InputError(
        f"not a sound safetensors file: {what}", fix="fetch it again; do not use it if that does not help"
    )
