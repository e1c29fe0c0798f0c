"""Headers of images against Pillow's own files, and every way in which they may lie (fault list, case 20)."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from modelyard.core.errors import InputError
from modelyard.methods import image_header
from modelyard.testing import tiny


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from(["PNG", "JPEG"]))
def test_sizes_are_those_that_were_written(height: int, width: int, format: str) -> None:
    header = image_header.read(tiny.image("dark", height=height, width=width, format=format))
    assert (header.format, header.height, header.width) == (format, height, width)


@pytest.mark.parametrize("options", [{"progressive": True}, {"quality": 5, "exif": b"Exif\0\0" + bytes(50)}])
def test_other_kinds_of_jpeg(options: dict[str, object]) -> None:
    file = io.BytesIO()
    Image.new("L", (30, 20)).save(file, "JPEG", **options)
    assert image_header.read(file.getvalue()) == image_header.Header("JPEG", 30, 20)


@given(st.sampled_from(["PNG", "JPEG"]), st.floats(0, 0.99))
def test_a_part_of_a_file_is_refused(format: str, share: float) -> None:
    data = tiny.image("bright", format=format)
    with pytest.raises(InputError):
        image_header.read(data[: int(len(data) * share)])


@given(st.binary(max_size=300))
def test_any_bytes_are_judged_or_refused(data: bytes) -> None:
    for start in (b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"):
        with pytest.raises(InputError):
            image_header.read(start + data)


def png_of(width: int, height: int, packed: bytes) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def test_a_giant_is_refused_by_its_header() -> None:
    with pytest.raises(InputError, match="65000 × 65000"):
        image_header.read(png_of(65_000, 65_000, b"x" * 1000))
    with pytest.raises(InputError, match="in 10 bytes of pixel data"):
        image_header.read(png_of(5000, 5000, b"x" * 10))
    with pytest.raises(InputError, match="at most 10"):
        image_header.read(tiny.image("dark"), most_bytes=10)
