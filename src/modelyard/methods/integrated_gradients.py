"""Integrated gradients: the gradient along the straight way from a baseline to the input.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017. What the attributions of a stretch of the
way add up to is the difference of its ends (completeness), so the error of every stretch is known: the one with the
largest is halved, again and again, by Gauss and Legendre's rule on each. The answers of networks rise steeply on a
short stretch and hardly elsewhere; equal steps miss it. What is lacking in the end is ``delta``, and a large one says
that the attributions are unusable.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

NODES = 5
"""Points on a stretch."""
FEWEST = NODES + 2
"""Points that the whole way takes at least: its ends, and one stretch."""

Function = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Points [n, ...] → values float64 [n] and gradients [n, ...]."""


@dataclass(order=True)
class _Stretch:
    """From one share of the way to another; the one with the largest error comes first."""

    rank: float
    start: float = field(compare=False)
    end: float = field(compare=False)
    values: tuple[float, float] = field(compare=False)
    found: np.ndarray = field(compare=False)


def explain(function: Function, inputs: np.ndarray, baseline: np.ndarray, *, steps: int) -> tuple[np.ndarray, float]:
    """Attributions in the shape of the inputs, and how far their sum is from the difference of the ends.

    Args:
        steps: points on the way, ``FEWEST`` or more.
    """
    way = inputs - baseline
    nodes, weights = np.polynomial.legendre.leggauss(NODES)

    def ask(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return function(baseline + shares.reshape(-1, *[1] * inputs.ndim) * way)

    def inside(start: float, end: float) -> np.ndarray:
        return np.asarray(start + (end - start) * (nodes + 1) / 2)

    def stretch(start: float, end: float, values: tuple[float, float], gradients: np.ndarray) -> _Stretch:
        found = way * np.tensordot(weights * (end - start) / 2, gradients, axes=1)
        return _Stretch(-abs(float(found.sum()) - (values[1] - values[0])), start, end, values, found)

    def halves(whole: _Stretch) -> Iterator[_Stretch]:
        middle = (whole.start + whole.end) / 2
        shares = [inside(whole.start, middle), inside(middle, whole.end), np.array([middle])]
        values, gradients = ask(np.concatenate(shares))
        value = float(values[-1])
        yield stretch(whole.start, middle, (whole.values[0], value), gradients[:NODES])
        yield stretch(middle, whole.end, (value, whole.values[1]), gradients[NODES : 2 * NODES])

    values, gradients = ask(np.concatenate([inside(0.0, 1.0), [0.0, 1.0]]))
    ends = float(values[-2]), float(values[-1])
    stretches = [stretch(0.0, 1.0, ends, gradients[:NODES])]
    for _ in range((steps - FEWEST) // (2 * NODES + 1)):
        for half in halves(heapq.heappop(stretches)):
            heapq.heappush(stretches, half)
    found = np.sum([item.found for item in stretches], axis=0)
    return found, float(found.sum() - (ends[1] - ends[0]))
