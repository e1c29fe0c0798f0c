"""Which sets of parts a model is asked about, where not all can be: every set of the likeliest sizes, others drawn.

A size is asked in full where it would be drawn that often anyway, so that nothing is asked twice and no chance is left
where none needs to be. Knows no method of explaining: it is given how much each size counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import comb

import numpy as np


def choose(
    units: int, mass: Mapping[int, float], groups: Sequence[tuple[int, ...]], budget: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sets to ask for and their weights: bool [n, units] and float64 [n] that add up to 1, n being ``budget`` at most.

    Args:
        mass: number of parts in a set → what all such sets count together.
        groups: sizes in the order in which they are asked in full; those of one group together. A group of two sizes
            is drawn in pairs, each set with its complement.
        budget: most sets, all of them different.
    """
    left, total = dict(mass), sum(mass.values())
    everything = sum(comb(units, size) for size in mass) <= budget
    kept: list[np.ndarray] = []
    weights: list[float] = []
    for group in groups:
        count = sum(comb(units, size) for size in group)
        expected = budget * sum(left[size] for size in group) / sum(left.values())
        asked = everything or _single(group, units) or expected >= count * (1 - 1e-9)
        if count > budget or not asked:
            break
        for size in group:
            share = left.pop(size) / total
            kept += [_mask(units, chosen) for chosen in combinations(range(units), size)]
            weights += [share / comb(units, size)] * comb(units, size)
        budget -= count
    paired = any(len(group) == 2 for group in groups)
    if left and budget >= 1 + paired:
        drawn = _draw(units, left, budget, paired, np.random.default_rng(seed))
        kept += [np.frombuffer(key, dtype=bool) for key in drawn]
        scale = sum(left.values()) / total / sum(drawn.values())
        weights += [scale * times for times in drawn.values()]
    return np.array(kept).reshape(-1, units), np.array(weights)


def _single(group: tuple[int, ...], units: int) -> bool:
    """Whether its sets tell what each part does by itself: they are always asked for."""
    return bool({1, units - 1} & set(group))


def _mask(units: int, chosen: tuple[int, ...]) -> np.ndarray:
    mask = np.zeros(units, dtype=bool)
    mask[list(chosen)] = True
    return mask


def _draw(
    units: int, left: Mapping[int, float], budget: int, paired: bool, random: np.random.Generator
) -> dict[bytes, int]:
    """Sets and how often each was drawn, until ``budget`` different ones are there."""
    drawn: dict[bytes, int] = {}
    for size in _sizes(left, 4 * budget, random):
        mask = _mask(units, tuple(random.permutation(units)[:size]))
        together = (mask, ~mask) if paired else (mask,)
        if mask.tobytes() not in drawn and len(drawn) + len(together) > budget:
            break
        for one in together:
            drawn[one.tobytes()] = drawn.get(one.tobytes(), 0) + 1
    return drawn


def _sizes(left: Mapping[int, float], most: int, random: np.random.Generator) -> Iterator[int]:
    chances = np.array(list(left.values()))
    yield from random.choice(list(left), size=most, p=chances / chances.sum()).tolist()
