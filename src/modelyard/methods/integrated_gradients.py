"""Integrated gradients: the gradient along the straight way from a baseline to the input.

Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", 2017. The integral is taken by Gauss and
Legendre's rule, which needs fewer steps than equal ones on a smooth way. What the attributions add up to is the
difference of the two ends (completeness); what is lacking is ``delta``, and a large one says that they are unusable.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Function = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Points [n, ...] → values float64 [n] and gradients [n, ...]."""


def explain(function: Function, inputs: np.ndarray, baseline: np.ndarray, *, steps: int) -> tuple[np.ndarray, float]:
    """Attributions in the shape of the inputs, and how far their sum is from the difference of the ends.

    Args:
        steps: points on the way.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    way = inputs - baseline
    places = ((nodes + 1) / 2).reshape(-1, *[1] * inputs.ndim)
    _, gradients = function(baseline + places * way)
    found = way * np.tensordot(weights / 2, gradients, axes=1)
    (start, end), _ = function(np.stack([baseline, inputs]))
    return found, float(found.sum() - (end - start))
