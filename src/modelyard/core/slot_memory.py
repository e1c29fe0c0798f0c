"""Memory cut into slots of one size, for a cache that fills and empties slot by slot.

Anonymous pages: they are there once they are written to, and go back to the system when their slot is cleared, so that
the operating system does the paging.
"""

from __future__ import annotations

import mmap

import numpy as np


class SlotMemory:
    """Args:
        slots: how many.
        size: bytes of one.

    Attributes:
        bytes: all of it, uint8 (slots * size,).
    """

    def __init__(self, slots: int, size: int) -> None:
        self._pages, self._size = mmap.mmap(-1, slots * size), size
        self.bytes = np.frombuffer(self._pages, np.uint8)

    def clear(self, slot: int) -> None:
        """Give the pages back that lie in this slot alone."""
        if not hasattr(mmap, "MADV_DONTNEED"):
            return
        begin = -(-slot * self._size // mmap.PAGESIZE) * mmap.PAGESIZE
        length = (slot + 1) * self._size - begin
        if length > 0:
            self._pages.madvise(mmap.MADV_DONTNEED, begin, length)
