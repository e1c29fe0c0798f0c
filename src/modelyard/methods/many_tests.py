"""Holm's correction: of many tests at once, one is significant by chance no more often than a single one would be."""

from __future__ import annotations

from collections.abc import Sequence


def holm(probabilities: Sequence[float]) -> list[float]:
    """Each probability as it counts beside the others (Holm 1979, Scandinavian Journal of Statistics 6).

    The smallest of m is taken m times, the next m - 1 times, and none counts less than one before it.
    """
    order = sorted(range(len(probabilities)), key=probabilities.__getitem__)
    found, least = [0.0] * len(order), 0.0
    for rank, place in enumerate(order):
        least = max(least, min(1.0, (len(order) - rank) * probabilities[place]))
        found[place] = least
    return found
