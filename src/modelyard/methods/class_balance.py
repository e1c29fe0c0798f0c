"""Makes up for classes of unequal size: by repeating rows, by leaving some out, or by weighting them.

Class numbers in, row numbers or weights out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def oversample(classes: Integers, ratio: float, seed: int) -> Integers:
    """Rows, some of them repeated, so that no class has fewer than ``ratio`` × the largest class.

    Args:
        classes: ``(n,)`` class number of each row.
        ratio: from 0 to 1; 1 makes all classes as large as the largest.
        seed: chooses which rows are repeated once more than others, and the order.

    Returns:
        ``(m,)`` row numbers, shuffled, each at least once; within a class no row comes more than
        once more often than another.
    """
    generator = np.random.default_rng(seed)
    names, counts = np.unique(classes, return_counts=True)
    target = int(np.ceil(ratio * counts.max(initial=0)))
    chosen = []
    for name, count in zip(names, counts, strict=True):
        rows = np.flatnonzero(classes == name)
        copies, rest = divmod(max(target, int(count)), int(count))
        chosen += [np.tile(rows, copies), generator.choice(rows, rest, replace=False)]
    return generator.permutation(np.concatenate(chosen)) if chosen else np.empty(0, dtype=np.int64)


def undersample(classes: Integers, ratio: float, seed: int | Sequence[int]) -> Integers:
    """Rows that stay, so that no class has more than the smallest class ÷ ``ratio``.

    Args:
        classes: ``(n,)`` class number of each row.
        ratio: above 0, to 1; 1 makes all classes as small as the smallest.
        seed: chooses which rows stay.

    Returns:
        ``(m,)`` row numbers in their order, each once.
    """
    generator = np.random.default_rng(seed)
    names, counts = np.unique(classes, return_counts=True)
    # Exact in the integers: 3 rows at a ratio of 0.1 are 30, where floats may say 29.
    target = int(np.floor(counts.min(initial=len(classes)) / ratio + 1e-9))
    chosen = [np.flatnonzero(classes == name) for name in names]
    kept = [rows if len(rows) <= target else generator.choice(rows, target, replace=False) for rows in chosen]
    return np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)


def inverse_frequency(classes: Integers) -> NDArray[np.float64]:
    """Weight of each row: n / (k · n_c), so that each of the k classes weighs n / k in sum.

    King and Zeng, "Logistic Regression in Rare Events Data", 2001.

    Args:
        classes: ``(n,)`` class number of each row.

    Returns:
        ``(n,)`` weights with mean one.
    """
    _, members, counts = np.unique(classes, return_inverse=True, return_counts=True)
    weights: NDArray[np.float64] = (len(classes) / (len(counts) * counts))[members]
    return weights
