"""The role ``image``: files, bytes, base64 text, or one column a pixel; kept as PNG or JPEG bytes without loss.

Every image is judged by its header before anything is decoded. Knows no split.
"""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.methods import image_header
from modelyard.steps.load._tables import Table

ROLE = "image"
_DATA_URL = "data:image/"


@dataclass(frozen=True)
class Images:
    """One column that holds or names images, or many columns of which each is a pixel."""

    names: Sequence[str]

    @classmethod
    def judge(cls, table: Table, names: Sequence[str], categorical: Collection[str]) -> Images:
        return cls(names)

    def read(self, table: Table) -> list[bytes | None]:
        """The file of each row.

        Raises:
            InputError: an image that is missing, cut off, of another format than its name says, or too large.
        """
        columns = [table.columns[name] for name in self.names]
        return [self._read(table, row, cells) for row, cells in enumerate(zip(*columns, strict=True))]

    def _read(self, table: Table, row: int, cells: Sequence[Any]) -> bytes | None:
        if all(cell is None for cell in cells):
            return None
        try:
            if len(cells) > 1 or isinstance(cells[0], list):
                return to_png(cells if len(cells) > 1 else cells[0])
            return _checked(cells[0], table.folder)
        except InputError as error:
            first, *others = self.names
            columns = f"columns {first!r} to {others[-1]!r}" if others else f"column {first!r}"
            file = f", {cells[0]}" if table.folder and isinstance(cells[0], str) else ""
            what = f"{columns} ({ROLE}), {table.place(row)}{file}: {error.what}"
            raise InputError(what, expected=error.expected, fix=error.fix, where=table.file) from None

    def arrow_type(self) -> Any:
        """Bytes."""
        import pyarrow as pa

        return pa.binary()

    def profile(self, values: Sequence[bytes]) -> Mapping[str, Any]:
        """How many of each format, smallest and largest side in pixels, and mean bytes."""
        headers = [image_header.read(value) for value in values]
        sides = [side for header in headers for side in (header.width, header.height)]
        return {
            "formats": dict(sorted(Counter(header.format for header in headers).items())),
            "sides": {"min": min(sides), "max": max(sides)},
            "mean_bytes": round(sum(map(len, values)) / len(values)),
        }

    def warnings(self, splits: Mapping[str, Mapping[str, Sequence[Any]]], training: str, row_id: str) -> list[str]:
        return []


def to_png(pixels: Sequence[Any]) -> bytes:
    """Pixels as a PNG file: a flat list is a square grey image, row by row; a nested one has its own shape.

    Raises:
        InputError: not a square number of them, not an image's shape, or values that are no whole numbers to 255.
    """
    from PIL import Image

    try:
        array = np.array(pixels, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError("a pixel is no number", expected="whole numbers from 0 to 255") from None
    if np.isnan(array).any():
        raise InputError("a pixel is missing", expected="whole numbers from 0 to 255")
    if not ((array >= 0).all() and (array <= 255).all() and (array % 1 == 0).all()):
        wrong = array.ravel()[int(np.argmax(~((array >= 0) & (array <= 255) & (array % 1 == 0)).ravel()))]
        raise InputError(f"the pixel {wrong:g}", expected="whole numbers from 0 to 255")
    if array.ndim == 1:
        side = math.isqrt(len(array))
        if side * side != len(array):
            raise InputError(
                f"{len(array)} pixels are no square",
                expected="as many columns as a square grey image has pixels",
                fix="store other shapes as nested lists in Parquet or JSON Lines, or as files",
            )
        array = array.reshape(side, side)
    if array.ndim not in (2, 3) or array.shape[2:] not in ((), (1,), (3,)) or 0 in array.shape:
        raise InputError(f"an array of shape {array.shape}", expected="height × width, or height × width × 3")
    if array.shape[0] * array.shape[1] > image_header.MOST_PIXELS:
        raise InputError(f"an image of shape {array.shape}", expected=f"at most {image_header.MOST_PIXELS} pixels")
    shape = array.shape[:2] if array.shape[2:] == (1,) else array.shape
    file = io.BytesIO()
    Image.fromarray(array.astype(np.uint8).reshape(shape)).save(file, "PNG")
    return file.getvalue()


def _checked(cell: Any, folder: Path | None) -> bytes:
    """The bytes of an image that its header allows to be decoded."""
    claimed: str | None = None
    if isinstance(cell, Mapping):
        # As the Hugging Face datasets library stores images in Parquet.
        cell = cell["bytes"] if cell.get("bytes") is not None else cell.get("path")
    if isinstance(cell, bytes):
        data = cell
    elif isinstance(cell, str) and (folder is None or cell.startswith(_DATA_URL)):
        data = _from_base64(cell)
    elif isinstance(cell, str) and folder is not None:
        data, claimed = _from_file(cell, folder), image_header.SUFFIXES.get(Path(cell).suffix.lower())
    else:
        raise InputError(f"a value of type {type(cell).__name__}", expected="bytes, base64 text, a path, or pixels")
    header = image_header.read(data)
    if claimed and header.format != claimed:
        raise InputError(f"a {header.format} file", expected=f"a {claimed} file", fix="name it by what it holds")
    return data


def _from_base64(text: str) -> bytes:
    body = text.partition(",")[2] if text.startswith(_DATA_URL) else text
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise InputError(
            f"{text[:40]!r} is not base64 text",
            expected="an image in base64",
            fix="where the cells are paths, give the folder that holds both table and images as source",
        ) from None


def _from_file(name: str, folder: Path) -> bytes:
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or "\\" in name or "\0" in name or any(part[:1] == "." for part in parts):
        raise InputError(f"the path {name!r}", expected="a file below the folder of the table, without '..'")
    path = folder.joinpath(*parts)
    if not path.is_file():
        raise InputError(f"there is no file {name!r}", expected=f"a path below {folder.name}")
    if path.stat().st_size > image_header.MOST_BYTES:
        raise InputError(f"a file of {path.stat().st_size} bytes", expected=f"at most {image_header.MOST_BYTES}")
    return path.read_bytes()
