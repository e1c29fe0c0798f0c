"""Keys and values of the answers that are being written: a slot each, in one buffer for every layer.

Which rows a call of the model has changes from step to step; what was computed of each stays where it is. Memory is
taken as a slot fills and given back when it is cleared. Knows sessions, and nothing of answers.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence

import numpy as np

from modelyard.core.runtime import Session

_ITEM = np.dtype(np.float32).itemsize


class Slots:
    """Args:
        shapes: heads, key size and value size of each layer.
        count: how many slots.
        tokens: most tokens of one slot.

    Attributes:
        lengths: tokens that each slot holds, int64.
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], count: int, tokens: int) -> None:
        self.lengths = np.zeros(count, np.int64)
        self._pages: dict[str, mmap.mmap] = {}
        self._buffers: dict[str, np.ndarray] = {}
        for layer, (heads, *sizes) in enumerate(shapes):
            for kind, size in zip(("key", "value"), sizes, strict=True):
                # Anonymous pages: there once they are written to, and they can be given back.
                pages = mmap.mmap(-1, count * heads * tokens * size * _ITEM)
                name = f"past.{layer}.{kind}"
                self._pages[name] = pages
                self._buffers[name] = np.frombuffer(pages, np.float32).reshape(count, heads, tokens, size)

    def append(self, session: Session, first: int, tokens: np.ndarray) -> np.ndarray:
        """Run the model over the next tokens of some slots.

        Args:
            first: the first of them; they lie side by side.
            tokens: ids, int64, (slots, new).

        Returns:
            logits after the last token of each, (slots, vocabulary).
        """
        count, new = tokens.shape
        rows = slice(first, first + count)
        lengths = self.lengths[rows]
        past = int(lengths.max())
        there = np.arange(past + new) < lengths[:, None]
        there[:, past:] = True
        arrays = {
            "input_ids": tokens,
            "attention_mask": there.astype(np.int64),
            "position_ids": lengths[:, None] + np.arange(new),
            "logits_at": np.full((count, 1), new - 1),
        }
        outputs = session.run(arrays | {name: buffer[rows, :, :past] for name, buffer in self._buffers.items()})
        for name, buffer in self._buffers.items():
            present = np.asarray(outputs[name.replace("past", "present")])
            for row, length in enumerate(lengths):
                buffer[first + row, :, length : length + new] = present[row, :, past:]
        self.lengths[rows] += new
        return np.asarray(outputs["logits"])[:, -1]

    def copy(self, source: int, target: int, length: int) -> None:
        """Fill a slot with the first ``length`` tokens of another."""
        for buffer in self._buffers.values():
            buffer[target, :, :length] = buffer[source, :, :length]
        self.lengths[target] = length

    def clear(self, slot: int) -> None:
        """Empty a slot; its memory goes back to the system."""
        self.lengths[slot] = 0
        if not hasattr(mmap, "MADV_DONTNEED"):
            return
        for pages in self._pages.values():
            size = len(pages) // len(self.lengths)
            begin = -(-slot * size // mmap.PAGESIZE) * mmap.PAGESIZE
            length = (slot + 1) * size - begin
            if length > 0:
                pages.madvise(mmap.MADV_DONTNEED, begin, length)
