"""What a PNG or JPEG file says of itself, read from its bytes before anything is decoded.

A decoder allocates what a header claims, so size and wholeness are judged here first. Knows no pixels.
PNG: https://www.w3.org/TR/png-3/, JPEG: ITU-T T.81, annex B.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Literal

from modelyard.core.errors import InputError

MOST_BYTES = 32 * 2**20
MOST_PIXELS = 40_000_000
"""Bounds of one image; 40 million pixels are 120 MB when decoded."""

SUFFIXES: dict[str, Literal["PNG", "JPEG"]] = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG = b"\xff\xd8\xff"
_LONGEST_RATIO = 1100
"""Deflate writes at least one byte for so many; a file of fewer bytes cannot hold the pixels that it claims."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame header, which holds height and width (SOF0 to SOF15)."""
_SCAN, _END = 0xDA, b"\xff\xd9"


@dataclass(frozen=True)
class Header:
    """Format, width and height in pixels."""

    format: Literal["PNG", "JPEG"]
    width: int
    height: int


def read(data: bytes, *, most_pixels: int = MOST_PIXELS, most_bytes: int = MOST_BYTES) -> Header:
    """The header of a whole image within the bounds.

    Raises:
        InputError: neither PNG nor JPEG, cut off, or too large; nothing was decoded.
    """
    if len(data) > most_bytes:
        raise InputError(f"an image of {len(data)} bytes", expected=f"at most {most_bytes}", fix="shrink the image")
    if data.startswith(_PNG):
        header = _read_png(data)
    elif data.startswith(_JPEG):
        header = _read_jpeg(data)
    else:
        raise InputError(
            f"no image begins with the bytes {data[:8].hex(' ') or '(none)'}",
            expected="a PNG or JPEG file",
            fix="convert it to PNG",
        )
    if header.width * header.height > most_pixels or not header.width or not header.height:
        raise InputError(
            f"an image of {header.width} × {header.height} pixels",
            expected=f"from 1 to {most_pixels} pixels",
            fix="shrink the image",
        )
    return header


def _read_png(data: bytes) -> Header:
    """IHDR comes first; chunks follow one another up to IEND."""
    if len(data) < 33 or data[12:16] != b"IHDR":
        raise _cut_off("PNG")
    width, height, depth, kind = struct.unpack_from(">IIBB", data, 16)
    channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(kind, 1)
    place, packed, ended = len(_PNG), 0, False
    while place + 12 <= len(data) and not ended:
        (length,) = struct.unpack_from(">I", data, place)
        name = data[place + 4 : place + 8]
        place += 12 + length
        packed += length if name == b"IDAT" else 0
        ended = name == b"IEND"
    if not ended or place > len(data):
        raise _cut_off("PNG")
    if width * height <= MOST_PIXELS and width * height * channels * depth / 8 > _LONGEST_RATIO * packed:
        raise InputError(
            f"a PNG file of {width} × {height} pixels in {packed} bytes of pixel data", expected="a whole PNG file"
        )
    return Header("PNG", width, height)


def _read_jpeg(data: bytes) -> Header:
    """Segments of known length follow one another up to the first scan; the end marker closes the file."""
    place, size = 2, None
    while place + 4 <= len(data):
        marker = data[place + 1]
        if data[place] != 0xFF:
            break
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _FRAMES and place + 9 <= len(data):
            height, width = struct.unpack_from(">HH", data, place + 5)
            size = width, height
        place += 2 + max(2, length)
        if marker == _SCAN:
            if size is None or data.find(_END, place) < 0:
                break
            return Header("JPEG", *size)
    raise _cut_off("JPEG")


def _cut_off(format: str) -> InputError:
    return InputError(
        f"a {format} file that is cut off or damaged", expected=f"a whole {format} file", fix="fetch or save it again"
    )
