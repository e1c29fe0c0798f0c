"""New rows of a small class between two of its rows that are near to each other: SMOTE.

Chawla, Bowyer, Hall and Kegelmeyer, "SMOTE: Synthetic minority over-sampling technique", Journal of Artificial
Intelligence Research 16, 2002; with categories as its SMOTE-NC. Arrays in, arrays out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
CELLS_AT_ONCE = 4_000_000
"""Distances that are held at a time."""


@dataclass(frozen=True)
class Synthetic:
    """New rows.

    Attributes:
        numbers: (m, columns) between those of ``base`` and of one of its neighbours.
        categories: (m, columns) most frequent ones among the neighbours of ``base``.
        base: (m,) row that each one starts from.
    """

    numbers: Floats
    categories: Integers
    base: Integers


def synthesize(
    numbers: Floats, categories: Integers, count: int, *, neighbours: int, seed: int | list[int]
) -> Synthetic:
    """New rows of one class.

    Args:
        numbers: (n, columns) of its rows, standardized, without gaps; two rows at least.
        categories: (n, columns) codes of its rows.
        count: how many; each row starts as many as any other, or one more.
        neighbours: of how many nearest rows one is drawn to go towards.
        seed: draws rows, neighbours, and how far to go.
    """
    random = np.random.default_rng(seed)
    near = nearest(numbers, categories, min(neighbours, len(numbers) - 1))
    rounds, rest = divmod(count, len(numbers))
    rows = np.arange(len(numbers))
    base = np.concatenate([np.tile(rows, rounds), random.choice(rows, rest, replace=False)])
    others = near[base, random.integers(near.shape[1], size=count)]
    share = random.random((count, 1))
    between = numbers[base] + share * (numbers[others] - numbers[base])
    return Synthetic(between, _most_frequent(categories, near)[base], base)


def nearest(numbers: Floats, categories: Integers, count: int) -> Integers:
    """(n, count) numbers of the nearest other rows, the nearest first.

    The squared distance is that of the numbers, and for each category that differs the squared median of the numbers'
    standard deviations within the class (1 where there are none).
    """
    spread = float(np.median(numbers.std(axis=0))) if numbers.shape[1] else 1.0
    found = np.empty((len(numbers), count), dtype=np.int64)
    step = max(1, CELLS_AT_ONCE // (len(numbers) * max(1, numbers.shape[1] + categories.shape[1])))
    for start in range(0, len(numbers), step):
        rows = np.arange(start, min(start + step, len(numbers)))
        apart = ((numbers[rows, None] - numbers[None]) ** 2).sum(axis=2)
        apart += spread**2 * (categories[rows, None] != categories[None]).sum(axis=2)
        apart[np.arange(len(rows)), rows] = np.inf
        found[rows] = np.argsort(apart, axis=1, kind="stable")[:, :count]
    return found


def _most_frequent(categories: Integers, near: Integers) -> Integers:
    """(n, columns) most frequent code among each row's neighbours; of equally frequent ones the smallest."""
    chosen = np.empty_like(categories)
    for column in range(categories.shape[1]):
        codes = categories[near, column]
        counts = (codes[:, :, None] == codes[:, None, :]).sum(axis=2)
        # More often first, then the smaller code.
        order = np.lexsort((codes, -counts), axis=1)
        chosen[:, column] = np.take_along_axis(codes, order[:, :1], axis=1)[:, 0]
    return chosen
