"""Batches of rows of like length, so that little of a batch is padding.

A batch costs its number of rows times its longest row. Knows lengths, not what they are lengths of.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POOL_BATCHES = 50
"""Rows are sorted within pools of this many batches: enough for nearly no padding, few enough that
which rows meet in a batch still changes from epoch to epoch."""
TURNS = 5
"""Batches in a row that between them cover all lengths."""


def by_budget(lengths: Sequence[int], budget: int) -> list[np.ndarray]:
    """All rows once, longest first, in batches of at most ``budget`` padded units.

    Longest first, so that a batch too large for the memory shows at once.

    Args:
        lengths: length of each row, in tokens say.
        budget: most that rows times longest row of a batch may come to; one row is always let in.

    Returns:
        Row positions of each batch.
    """
    order = np.argsort(-np.asarray(lengths, dtype=np.int64), kind="stable")
    batches, start = [], 0
    while start < len(order):
        count = max(1, budget // max(1, int(lengths[order[start]])))
        batches.append(order[start : start + count])
        start += count
    return batches


def shuffled(lengths: Sequence[int], batch_size: int, *, seed: int | Sequence[int]) -> list[np.ndarray]:
    """All rows once in random batches of ``batch_size`` whose rows are of like length.

    Rows are shuffled, cut into pools of ``POOL_BATCHES`` batches, sorted by length within each pool and cut
    into batches. Rows of the same length stay in random order; one batch may be smaller than the others, but no row
    is alone where another batch can spare one: batch norm learns nothing from a single row. The batches of a pool take
    random turns, one from each of ``TURNS`` ranges of length after the other: classes often differ in length, and a
    chance run of short batches can drive a network towards one class for good.

    Returns:
        Row positions of each batch; the same for the same seed.
    """
    random = np.random.default_rng(seed)
    measured = np.asarray(lengths, dtype=np.int64)
    order = random.permutation(len(measured))
    pool = batch_size * POOL_BATCHES
    batches = []
    for start in range(0, len(order), pool):
        rows = order[start : start + pool]
        rows = rows[np.argsort(measured[rows], kind="stable")]
        sorted_batches = [rows[first : first + batch_size] for first in range(0, len(rows), batch_size)]
        batches += [sorted_batches[position] for position in _turns(len(sorted_batches), random)]
    return _with_company(batches)


def _with_company(batches: list[np.ndarray]) -> list[np.ndarray]:
    """The same, a row of the largest batch moved to a batch of one row."""
    sizes = [len(batch) for batch in batches]
    if sizes.count(1) == 1 and max(sizes) > 2:
        lone, giver = sizes.index(1), sizes.index(max(sizes))
        batches[lone] = np.concatenate([batches[lone], batches[giver][-1:]])
        batches[giver] = batches[giver][:-1]
    return batches


def _turns(count: int, random: np.random.Generator) -> np.ndarray:
    """Numbers below ``count`` in random order, of which each ``TURNS`` in a row are spread over the whole range."""
    ranges = np.array_split(np.arange(count), TURNS)
    turn = np.concatenate([random.permutation(len(part)) for part in ranges])
    return np.lexsort((random.random(count), turn))
