"""Draws an image, and beside it the same in grey under a map of what did how much."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from modelyard.core.report import Figure
from modelyard.render.palette import AGAINST, FOR

_SIDE = 2.6
"""Inches of one panel."""
_WIDE, _LOW = 0.5, 0.6
"""Height by width of an image that takes the room of two panels; inches of the lowest figure."""
_GAP = 0.06
"""Between the panels, in their widths."""
_STRONGEST = 0.75
"""Opacity of the strongest place."""


def size(figure: Figure) -> tuple[float, float]:
    """Inches: two panels, or one where there is a map or an image alone."""
    ratio = 1.0
    if figure.picture:
        image = _decode(figure.picture)
        ratio = image.shape[0] / image.shape[1]
    panels = 2 if (figure.picture and figure.cells) or ratio < _WIDE else 1
    return panels * _SIDE + 0.2, max(_LOW, panels * ratio * _SIDE / (2 if figure.cells and figure.picture else 1)) + 0.1


def draw(axes: Any, figure: Figure) -> None:
    """Places for the answer in blue, places against it in orange."""
    ratio, left = 1.0, 0.0
    if figure.picture:
        image = _decode(figure.picture)
        ratio = image.shape[0] / image.shape[1]
        axes.imshow(image, extent=(0, 1, 0, ratio))
        if figure.cells:
            left = 1 + _GAP
            grey = image.mean(axis=-1, keepdims=True).repeat(3, axis=-1)
            axes.imshow((255 - (255 - grey) * 0.6).astype(np.uint8), extent=(left, left + 1, 0, ratio))
    if figure.cells:
        axes.imshow(_colours(np.array(figure.cells)), extent=(left, left + 1, 0, ratio), interpolation="nearest")
    axes.set_xlim(0, left + 1)
    axes.set_ylim(0, ratio)
    axes.set_aspect("equal")
    axes.set_axis_off()


def _decode(picture: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(picture)), formats=["PNG"]).convert("RGB"))


def _colours(strengths: np.ndarray) -> np.ndarray:
    """Red, green, blue and opacity from 0 to 1 of each place, [rows, columns, 4]."""
    from matplotlib.colors import to_rgb

    colours = np.where(strengths[..., None] >= 0, to_rgb(FOR), to_rgb(AGAINST))
    opacity = _STRONGEST * np.clip(np.abs(strengths), 0, 1)
    return np.concatenate([colours, opacity[..., None]], axis=-1)
