"""Feature squeezing (Xu et al. 2018): what is left of an input when fine detail is taken away.

An answer that hangs on fine detail changes with it. Values are counted as attacks count them: pixels from 0 to 1, or
standard deviations. Knows arrays only.
"""

from __future__ import annotations

import numpy as np

SMOOTHED = 2
"""Side of the square whose median a pixel takes."""


def coarser(values: np.ndarray, step: float) -> np.ndarray:
    """Values rounded to multiples of ``step``."""
    return np.asarray(np.round(values / step) * step, dtype=values.dtype)


def smoother(images: np.ndarray) -> np.ndarray:
    """Median over ``SMOOTHED`` × ``SMOOTHED`` pixels of (rows, channels, height, width); edges repeat themselves."""
    padded = np.pad(images, [(0, 0), (0, 0), (0, SMOOTHED - 1), (0, SMOOTHED - 1)], mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (SMOOTHED, SMOOTHED), axis=(2, 3))
    return np.asarray(np.median(windows, axis=(-2, -1)), dtype=images.dtype)


def distance(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Sum of the absolute differences of probabilities [rows, classes]: from 0 to 2."""
    return np.asarray(np.abs(before - after).sum(axis=1))
