"""An image cut into a grid of patches, and patches painted over. Knows pixels, no file format and no network."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np


def grid(height: int, width: int, most: int) -> list[tuple[int, int, int, int]]:
    """Top, left, bottom and right of each patch, row after row: as many a row as there are rows, ``most`` in all."""
    side = max(1, math.isqrt(most))
    rows, columns = (np.linspace(0, size, min(side, size) + 1).round().astype(int) for size in (height, width))
    return [
        (int(top), int(left), int(bottom), int(right))
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def paint(pixels: np.ndarray, places: list[tuple[int, int, int, int]], kept: np.ndarray) -> np.ndarray:
    """The image again and again, with only those patches that are kept; the others have its median colour.

    That colour is the ground of a drawing and a middle tone of a photograph: a patch that is painted over says
    less than one in black or white.

    Args:
        pixels: uint8 [height, width, channels].
        kept: bool [n, patches].

    Returns:
        uint8 [n, height, width, channels].
    """
    colour = np.median(pixels.reshape(-1, pixels.shape[-1]), axis=0).astype(pixels.dtype)
    numbers = owners(pixels.shape[0], pixels.shape[1], places)
    there = kept[:, numbers]
    return np.where(there[..., None], pixels, colour)


def owners(height: int, width: int, places: list[tuple[int, int, int, int]]) -> np.ndarray:
    """The number of each pixel's patch, int64 [height, width]."""
    numbers = np.full((height, width), -1, dtype=np.int64)
    for number, (top, left, bottom, right) in enumerate(places):
        numbers[top:bottom, left:right] = number
    return numbers
