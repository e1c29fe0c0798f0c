"""Exact Shapley values: the mean of what a part adds, over all orders in which the parts can come.

Shapley, "A value for n-person games", 1953. Needs the answer to every set of parts: 2 to the power of their number.
"""

from __future__ import annotations

from math import factorial

import numpy as np

from modelyard.methods.coalitions import Value


def all_sets(units: int) -> np.ndarray:
    """Every set of parts, bool [2**units, units]; part i is bit i of the set's number."""
    return (np.arange(2**units)[:, None] >> np.arange(units) & 1).astype(bool)


def explain(value: Value, units: int) -> np.ndarray:
    """The value of each part, float64 [units]: the sum over all sets S without i of
    |S|! (n - |S| - 1)! / n! (v(S with i) - v(S))."""
    sets = all_sets(units)
    answers = value(sets)
    numbers = np.arange(2**units)
    sizes = sets.sum(axis=1)
    chance = np.array([factorial(size) * factorial(units - size - 1) / factorial(units) for size in range(units)])
    found = np.empty(units)
    for unit in range(units):
        without = numbers[numbers >> unit & 1 == 0]
        found[unit] = chance[sizes[without]] @ (answers[without | 1 << unit] - answers[without])
    return found
