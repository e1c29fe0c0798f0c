"""Weights rounded in blocks of 32 along a row: each block has its own step, and its own beginning.

As GGUF's Q4_1 stores them. Knows arrays and no format of files.
"""

from __future__ import annotations

import numpy as np

BLOCK = 32
"""Weights of one block."""


def to_blocks(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Symmetric int8 in blocks: ``table`` is about ``blocks * scales``.

    Args:
        table: float32, shape (rows, columns).

    Returns:
        int8 of shape (rows, columns / 32, 32) and float32 scales of shape (rows, columns / 32).
    """
    cut = np.ascontiguousarray(table, dtype=np.float32).reshape(len(table), -1, BLOCK)
    scales = np.abs(cut).max(axis=2) / 127
    steps = np.rint(cut / np.where(scales == 0, 1, scales)[:, :, None])
    return steps.astype(np.int8), scales.astype(np.float32)


def to_steps(table: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The table as ``scales * steps + offsets`` in blocks, from the least to the greatest value of each.

    Args:
        table: float32, shape (rows, columns), columns a multiple of 32.

    Returns:
        int32 steps from 0 to ``2**bits - 1`` of shape (rows, columns / 32, 32), and float32 scales and offsets of shape
        (rows, columns / 32). Values that lie on such a grid of which both ends occur come back as they were.
    """
    cut = np.ascontiguousarray(table, dtype=np.float32).reshape(len(table), -1, BLOCK)
    offsets = cut.min(axis=2)
    scales = (cut.max(axis=2) - offsets) / np.float32(2**bits - 1)
    steps = np.rint((cut - offsets[:, :, None]) / np.where(scales == 0, 1, scales)[:, :, None])
    return steps.astype(np.int32), scales, offsets


def pack(steps: np.ndarray) -> np.ndarray:
    """Two steps of four bits in a byte, the first in the lower half."""
    halves = steps.astype(np.uint8)
    return np.ascontiguousarray(halves[:, :, 0::2] | (halves[:, :, 1::2] << 4))
