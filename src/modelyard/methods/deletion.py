"""Deletion and insertion: how the answer falls as the parts go, most important first, and rises as they come.

Petsiuk, Das and Saenko, "RISE: randomized input sampling for explanation of black-box models", 2018. A row's parts
are taken out in at most ``STEPS`` steps. Knows an order, not where it comes from.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelyard.methods.coalitions import Value, leading

STEPS = 20


@dataclass(frozen=True)
class Curves:
    """The answer by the share of parts that are gone (``deletion``) or there (``insertion``), float64 [steps + 1]."""

    shares: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def deletion_area(self) -> float:
        """Area under the curve of deletion: lower is better."""
        return float(np.trapezoid(self.deletion, self.shares))

    @property
    def insertion_area(self) -> float:
        """Area under the curve of insertion: higher is better."""
        return float(np.trapezoid(self.insertion, self.shares))


def curves(value: Value, order: np.ndarray) -> Curves:
    """Both curves.

    Args:
        order: numbers of the parts, the most important first.
    """
    units = len(order)
    counts = np.unique(np.linspace(0, units, min(units, STEPS) + 1).round().astype(int))
    first = leading(order, counts)
    answers = value(np.concatenate([~first, first]))
    return Curves(counts / units, answers[: len(counts)], answers[len(counts) :])
