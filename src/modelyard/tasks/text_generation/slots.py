"""Keys and values of the answers that are being written, where a session is given a cache and hands out the longer one.

One buffer a layer, cut into slots. Which rows a call of the model has changes from step to step; what was computed of
each stays where it is. Memory is taken as a slot fills and given back when it is cleared. Knows nothing of answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.core.runtime import CachingSession, KeyValueCache, Session
from modelyard.core.slot_memory import SlotMemory

ALIKE = 0.75
"""Pieces share a call if none is less than this part of the longest: the rest of a shorter one is padding."""

_ITEM = np.dtype(np.float32).itemsize


def open_cache(session: Session, shapes: Sequence[tuple[int, int, int]], *, slots: int, tokens: int) -> KeyValueCache:
    """The session's own cache, or :class:`Slots` where it keeps none."""
    own = session.open_cache(slots, tokens) if isinstance(session, CachingSession) else None
    return Slots(session, shapes, slots, tokens) if own is None else own


class Slots:
    """Args:
        session: of a network that takes and gives arrays as :class:`CachedNetwork` does.
        shapes: heads, key size and value size of each layer.
        count: how many slots.
        tokens: most tokens of one slot.

    Attributes:
        lengths: tokens that each slot holds, int64.
    """

    def __init__(self, session: Session, shapes: Sequence[tuple[int, int, int]], count: int, tokens: int) -> None:
        self._session = session
        self.lengths = np.zeros(count, np.int64)
        self._memory: list[SlotMemory] = []
        self._buffers: dict[str, np.ndarray] = {}
        for layer, (heads, *sizes) in enumerate(shapes):
            for kind, size in zip(("key", "value"), sizes, strict=True):
                memory = SlotMemory(count, heads * tokens * size * _ITEM)
                self._memory.append(memory)
                held = memory.bytes.view(np.float32).reshape(count, heads, tokens, size)
                self._buffers[f"past.{layer}.{kind}"] = held

    def append(self, pieces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """As :meth:`KeyValueCache.append` says; pieces of like length share a call."""
        found: dict[int, np.ndarray] = {}
        for places in alike([len(ids) for _, ids in pieces]):
            logits = self._call([pieces[place] for place in places])
            found |= dict(zip(places, logits, strict=True))
        return np.stack([found[place] for place in range(len(pieces))])

    def _call(self, pieces: Sequence[tuple[int, np.ndarray]]) -> np.ndarray:
        """Padding stands before the new tokens of a row, and behind its old ones."""
        slots = np.array([slot for slot, _ in pieces])
        counts = np.array([len(ids) for _, ids in pieces])
        lengths = self.lengths[slots]
        past, new = int(lengths.max()), int(counts.max())
        places = np.arange(new) - (new - counts)[:, None]
        ids = np.zeros((len(pieces), new), np.int64)
        ids[places >= 0] = np.concatenate([ids for _, ids in pieces])
        there = np.concatenate([np.arange(past) < lengths[:, None], places >= 0], axis=1)
        arrays = {
            "input_ids": ids,
            "attention_mask": there.astype(np.int64),
            "position_ids": np.maximum(lengths[:, None] + places, 0),
            "logits_at": np.full((len(pieces), 1), new - 1),
        }
        rows = slice(slots[0], slots[-1] + 1) if np.array_equal(slots, slots[0] + np.arange(len(slots))) else slots
        given = {name: buffer[rows, :, :past] for name, buffer in self._buffers.items()}
        outputs = self._session.run(arrays | given)
        for name, buffer in self._buffers.items():
            present = np.asarray(outputs[name.replace("past", "present")])
            for row, (slot, length, count) in enumerate(zip(slots, lengths, counts, strict=True)):
                buffer[slot, :, length : length + count] = present[row, :, past + new - count :]
        self.lengths[slots] += counts
        return np.asarray(outputs["logits"])[:, -1]

    def copy(self, source: int, target: int, length: int) -> None:
        """Fill a slot with the first ``length`` tokens of another."""
        for buffer in self._buffers.values():
            buffer[target, :, :length] = buffer[source, :, :length]
        self.lengths[target] = length

    def clear(self, slot: int) -> None:
        """Empty a slot; its memory goes back to the system."""
        self.lengths[slot] = 0
        for memory in self._memory:
            memory.clear(slot)


def alike(lengths: Sequence[int]) -> list[list[int]]:
    """Places of like length, the longest first; see :data:`ALIKE`."""
    groups: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if groups and lengths[place] >= ALIKE * lengths[groups[-1][0]]:
            groups[-1].append(place)
        else:
            groups.append([place])
    return groups
