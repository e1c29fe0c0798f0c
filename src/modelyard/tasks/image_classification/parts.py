"""An image as patches that can be painted over, and where each of them lies in what the network is given."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any, cast

import numpy as np

from modelyard.core.task import Units
from modelyard.core.transform import Row
from modelyard.methods import patches
from modelyard.tasks.image_classification.preprocessing import Preprocessing, decode

LARGEST = 2
"""Sides of an image, in those that the network takes: a larger one is reduced first, as it is written many times."""
NEAREST = 0
"""Pillow's number of that filter."""

Places = list[tuple[int, int, int, int]]


def units(preprocessing: Preprocessing, row: Row, most: int) -> Units:
    """A grid of at most ``most`` patches over the image, which is reduced where it is much larger than is looked at.

    Raises:
        InputError: the image cannot be read.
    """
    image = decode(row["image"])
    limit = LARGEST * max(preprocessing.size)
    if max(image.size) > limit:
        image.thumbnail((limit, limit))
    places = patches.grid(image.height, image.width, most)
    tops, lefts = (sorted({place[side] for place in places}) for side in (0, 1))
    names = [f"row {tops.index(top) + 1}, column {lefts.index(left) + 1}" for top, left, _, _ in places]
    return Units("patch", names, places, _png(image))


def mask(row: Row, units: Units, kept: np.ndarray) -> list[Row]:
    """Images, as PNG files, whose other patches have the image's median colour."""
    from PIL import Image

    pixels = np.asarray(decode(cast(bytes, units.content)))
    painted = (patches.paint(pixels, cast(Places, units.places), one[None])[0] for one in kept)
    return [{**row, "image": _png(Image.fromarray(image))} for image in painted]


def owners(preprocessing: Preprocessing, units: Units) -> np.ndarray:
    """The patch of each pixel that the network is given, int64 [height, width]; -1 beside the image."""
    from PIL import Image

    image = decode(cast(bytes, units.content))
    numbers = patches.owners(image.height, image.width, cast(Places, units.places)) + 1
    # Resized and cropped as the image is; a number travels in the three bytes of a pixel, and black is none.
    coded = np.stack([numbers >> 16, numbers >> 8 & 255, numbers & 255], axis=-1).astype(np.uint8)
    seen = replace(preprocessing, resample=NEAREST).prepare(Image.fromarray(coded)).astype(np.int64)
    return np.asarray((seen[..., 0] << 16 | seen[..., 1] << 8 | seen[..., 2]) - 1)


def _png(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return file.getvalue()
