"""Texts that are nearly the same: MinHash (Broder 1997) and locality-sensitive hashing (Indyk and Motwani 1998).

A text is the set of its 5-grams of characters, in small letters and with single blanks; two are near if the share of
5-grams that they have in common (Jaccard) reaches a threshold. 25 bands of 5 minima find 99.99% of the pairs at 0.8;
what they find is counted exactly. Works for any script. Knows no split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SIZE = 5
BANDS, ROWS = 25, 5
CROWD = 32
"""In a larger bucket each text is compared with the first only: all of them are near that one, or none is."""


@dataclass(frozen=True)
class Pair:
    """Two places, the earlier first, and the Jaccard similarity of what stands there."""

    first: int
    second: int
    similarity: float


def pairs(texts: Sequence[str], threshold: float, seed: int) -> list[Pair]:
    """Pairs of texts that reach the threshold; of texts that are equal each is paired with the first only.

    Args:
        texts: any texts; those shorter than five characters count as one 5-gram.
        threshold: from 0.5, below which the bands find few, up to 1.
        seed: of the hash functions.
    """
    sets = [shingles(text) for text in texts]
    found: dict[tuple[int, int], float] = {}
    firsts: dict[bytes, int] = {}
    for place, grams in enumerate(sets):
        first = firsts.setdefault(grams.tobytes(), place)
        if first != place:
            found[first, place] = 1.0
    for one, other in _candidates(sets, list(firsts.values()), seed):
        similarity = jaccard(sets[one], sets[other])
        if similarity >= threshold:
            found[one, other] = similarity
    return [Pair(*places, similarity) for places, similarity in sorted(found.items())]


def shingles(text: str) -> np.ndarray:
    """The text's 5-grams as sorted distinct 64-bit hashes."""
    points = np.array([ord(character) for character in " ".join(text.casefold().split())], dtype=np.uint64)
    if len(points) < SIZE:
        points = np.concatenate([points, np.zeros(SIZE - len(points), dtype=np.uint64)])
    hashes = np.zeros(len(points) - SIZE + 1, dtype=np.uint64)
    for place in range(SIZE):
        hashes = hashes * np.uint64(1_099_511_628_211) + points[place : len(points) - SIZE + 1 + place]
    return np.unique(_mixed(hashes))


def jaccard(first: np.ndarray, second: np.ndarray) -> float:
    """Share of what is in either that is in both."""
    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)


def signatures(sets: Sequence[np.ndarray], seed: int) -> np.ndarray:
    """Of each set the smallest hash under 125 functions, (sets, 125): two agree at a place with probability Jaccard."""
    generator = np.random.default_rng(seed)
    odd = generator.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    more = generator.integers(0, 2**63, BANDS * ROWS, dtype=np.uint64)
    found = np.empty((len(sets), BANDS * ROWS), dtype=np.uint64)
    for place, hashes in enumerate(sets):
        # Mixed once more: minima of multiples alone are not independent enough.
        found[place] = _mixed(hashes[:, None] * odd + more).min(axis=0)
    return found


def _candidates(sets: Sequence[np.ndarray], places: Sequence[int], seed: int) -> set[tuple[int, int]]:
    signed = signatures([sets[place] for place in places], seed)
    found = set()
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = {}
        for place, row in zip(places, signed[:, band * ROWS : (band + 1) * ROWS], strict=True):
            buckets.setdefault(row.tobytes(), []).append(place)
        for bucket in buckets.values():
            ends = bucket[:1] if len(bucket) > CROWD else bucket
            found |= {(one, other) for number, one in enumerate(ends) for other in bucket[number + 1 :]}
    return found


def _mixed(hashes: np.ndarray) -> np.ndarray:
    """The finalizer of splitmix64 (Steele, Lea and Flood 2014)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(hashes ^ (hashes >> np.uint64(31)))
