"""Stratified and grouped splits: which rows go where, by a seed.

Rows are shuffled within each class and divided by the method of largest remainders, so that every
split holds its share of every class to within one row. With groups, whole groups are placed greedily,
the largest first, where they miss the class shares least.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def stratified(classes: Integers, fractions: Sequence[float], seed: int) -> Integers:
    """The split of each row.

    Args:
        classes: ``(n,)`` class number of each row; all zero for a plain random split.
        fractions: share of each split, summing to one.
        seed: of the shuffle.

    Returns:
        ``(n,)`` index into ``fractions``. Each class has within one row of its share in each split.
    """
    generator = np.random.default_rng(seed)
    splits = np.empty(len(classes), dtype=np.int64)
    for each in np.unique(classes):
        rows = generator.permutation(np.flatnonzero(classes == each))
        splits[rows] = np.repeat(np.arange(len(fractions)), apportion(len(rows), fractions))
    return splits


def apportion(total: int, fractions: Sequence[float]) -> list[int]:
    """Whole numbers near ``total × fraction`` that sum to ``total`` (largest remainders, Hamilton 1792).

    Equal remainders go to the first of them.
    """
    # Rounded: 10 × 0.7 must not fall to 6.999… and lose its row.
    quotas = [round(total * fraction, 9) for fraction in fractions]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda index: (counts[index] - quotas[index], index))
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def stratified_groups(classes: Integers, groups: Integers, fractions: Sequence[float], seed: int) -> Integers:
    """The split of each row when the rows of a group stay together.

    Args:
        classes: ``(n,)`` class number of each row.
        groups: ``(n,)`` group number of each row.
        fractions: share of each split, summing to one.
        seed: decides among groups of equal size.

    Returns:
        ``(n,)`` index into ``fractions``; shares hold as nearly as the groups' sizes allow.
    """
    names, members = np.unique(groups, return_inverse=True)
    _, kinds = np.unique(classes, return_inverse=True)
    counts = np.zeros((len(names), kinds.max(initial=0) + 1))
    np.add.at(counts, (members, kinds), 1)
    # Shares of a class, not rows: a rare class weighs as much as a common one.
    shares = counts / counts.sum(axis=0)
    lacking = np.outer(fractions, np.ones(shares.shape[1]))
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-counts.sum(axis=1)[order], kind="stable")]
    choice = np.empty(len(names), dtype=np.int64)
    closed = np.asarray(fractions) == 0
    for group in order:
        # (a - s)² - a² = s² - 2as: least where the group fills most of what is lacking.
        cost = -2 * lacking @ shares[group]
        cost[closed] = np.inf
        choice[group] = int(np.argmin(cost))
        lacking[choice[group]] -= shares[group]
    return choice[members]
