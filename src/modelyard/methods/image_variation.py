"""Changed copies of an image that show the same thing: turned, mirrored, cut, lit otherwise.

One affine map does all that moves pixels, so that an image is sampled once. Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
Flip = Literal["none", "horizontal", "vertical", "both"]
GREY = np.array([0.299, 0.587, 0.114])
"""Shares of red, green and blue in how bright a pixel looks (ITU-R BT.601)."""


@dataclass(frozen=True)
class Limits:
    """How far a copy may be from its image.

    Attributes:
        flip: along which axes half of the copies are mirrored.
        rotate: most degrees to either side.
        crop: most of height and width that is cut away; what is left is brought to the old size.
        colour: most change of brightness, contrast and saturation, as a share.
    """

    flip: Flip = "horizontal"
    rotate: float = 10.0
    crop: float = 0.1
    colour: float = 0.2


def vary(image: Pixels, limits: Limits, random: np.random.Generator) -> Pixels:
    """A changed copy of an image, uint8 of shape (height, width, 3)."""
    mirrored = random.random(2) < 0.5
    flips = (
        bool(mirrored[0]) and limits.flip in ("vertical", "both"),
        bool(mirrored[1]) and limits.flip in ("horizontal", "both"),
    )
    kept = 1.0 - limits.crop * random.random()
    shift = (1.0 - kept) * (random.random(2) - 0.5)
    moved = move(image, flips=flips, degrees=limits.rotate * (2 * random.random() - 1), kept=kept, shift=tuple(shift))
    return colour(moved, *(1.0 + limits.colour * (2 * random.random(3) - 1)))


def move(
    image: Pixels,
    *,
    flips: tuple[bool, bool] = (False, False),
    degrees: float = 0.0,
    kept: float = 1.0,
    shift: tuple[float, ...] = (0.0, 0.0),
) -> Pixels:
    """An image turned, mirrored and cut, at its old size; what lies outside it repeats its edge.

    Args:
        flips: whether rows and columns are in the opposite order.
        degrees: how far it turns, counter-clockwise.
        kept: share of height and width that is left.
        shift: of the middle of what is left, as a share of height and width.
    """
    height, width = image.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    offsets = np.stack([rows - middle[0], columns - middle[1]]) * kept
    offsets *= np.where(flips, -1.0, 1.0)[:, None, None]
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    centre = middle + np.asarray(shift) * (height, width)
    places = np.tensordot(turn, offsets, axes=1) + centre[:, None, None]
    return _sample(image, places)


def _sample(image: Pixels, places: NDArray[np.float64]) -> Pixels:
    """Pixels at places between pixels, by bilinear interpolation."""
    height, width = image.shape[:2]
    rows, columns = np.clip(places[0], 0, height - 1), np.clip(places[1], 0, width - 1)
    top, left = np.floor(rows).astype(int), np.floor(columns).astype(int)
    below, right = np.minimum(top + 1, height - 1), np.minimum(left + 1, width - 1)
    down, along = (rows - top)[..., None], (columns - left)[..., None]
    upper = image[top, left] * (1 - along) + image[top, right] * along
    lower = image[below, left] * (1 - along) + image[below, right] * along
    return np.asarray(np.round(upper * (1 - down) + lower * down), dtype=np.uint8)


def colour(image: Pixels, brightness: float, contrast: float, saturation: float) -> Pixels:
    """An image with other light; a factor of 1 changes nothing.

    Args:
        brightness: factor of every pixel.
        contrast: factor of the distance from the mean grey.
        saturation: factor of the distance from each pixel's own grey.
    """
    pixels = image * brightness
    mean = (pixels @ GREY).mean()
    pixels = mean + contrast * (pixels - mean)
    grey = (pixels @ GREY)[..., None]
    return np.asarray(np.round(np.clip(grey + saturation * (pixels - grey), 0, 255)), dtype=np.uint8)
