"""Images that are nearly the same: 64 bits that say where brightness rises from left to right (Krawetz 2013, dHash).

Scaling, compression and small changes of brightness move few bits. Knows no image file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np


def difference_hash(pixels: np.ndarray) -> int:
    """64 bits of a grey image of shape (8, 9)."""
    bits = (pixels[:, 1:] > pixels[:, :-1]).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def near_pairs(hashes: Sequence[int], most: int) -> list[tuple[int, int, int]]:
    """Pairs whose hashes differ in at most ``most`` bits (up to 7), with how many; of equal ones each with the first.

    Of most + 1 bands of bits at least one is the same in such a pair.
    """
    edges = [64 * band // (most + 1) for band in range(most + 2)]
    found: dict[tuple[int, int], int] = {}
    firsts: dict[int, int] = {}
    for place, value in enumerate(hashes):
        if firsts.setdefault(value, place) != place:
            found[firsts[value], place] = 0
    for start, end in pairwise(edges):
        buckets: dict[int, list[int]] = {}
        for value, place in firsts.items():
            bucket = buckets.setdefault(value >> start & ((1 << end - start) - 1), [])
            for other in bucket:
                if (bits := (value ^ hashes[other]).bit_count()) <= most:
                    found[other, place] = bits
            bucket.append(place)
    return [(*places, bits) for places, bits in sorted(found.items())]
