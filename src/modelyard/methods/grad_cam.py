"""Grad-CAM: where the last feature maps that speak for a class are strong.

Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", 2017. A map is as
fine as that layer, a few cells a side; only what speaks for the class is left.
"""

from __future__ import annotations

import numpy as np


def explain(activations: np.ndarray, gradients: np.ndarray, height: int, width: int) -> np.ndarray:
    """The map over the image, float64 [height, width], 0 or more.

    Args:
        activations: of the layer, [channels, rows, columns].
        gradients: of the class's score by them, of the same shape.
    """
    importance = gradients.mean(axis=(1, 2))
    return enlarge(np.maximum(0.0, np.tensordot(importance, activations, axes=1)), height, width)


def enlarge(cells: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, [rows, columns] → float64 [height, width]."""
    return _along(_along(np.asarray(cells, dtype=np.float64), height).T, width).T


def _along(cells: np.ndarray, size: int) -> np.ndarray:
    """Between rows, [rows, columns] → [size, columns]."""
    count = len(cells)
    # The middles of the pixels, in cells.
    places = np.clip((np.arange(size) + 0.5) * count / size - 0.5, 0, count - 1)
    low = np.floor(places).astype(int)
    part = (places - low)[:, None]
    return np.asarray(cells[low] * (1 - part) + cells[np.minimum(low + 1, count - 1)] * part)
