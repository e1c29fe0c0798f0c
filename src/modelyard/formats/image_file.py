"""An image as a PNG or JPEG file, and as pixels. Judges a file by its header before anything is decoded."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.methods import image_header


def decode(data: bytes) -> Any:
    """A PNG or JPEG file as a Pillow image in RGB, upright; grey becomes three equal channels.

    Raises:
        InputError: it is none, damaged, or larger than is decoded; judged by its header first.
    """
    from PIL import Image, ImageOps

    header = image_header.read(data)
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=[header.format])
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise InputError(f"the {header.format} file cannot be decoded: {error}", expected="a whole image") from None
    if image.mode.startswith("I"):
        # 16 bits a pixel: the upper eight of them.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).astype(np.uint8))
    return ImageOps.exif_transpose(image).convert("RGB")


def encode(pixels: np.ndarray) -> bytes:
    """Pixels, uint8 of shape (height, width, 3), as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
