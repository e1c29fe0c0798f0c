"""LIME: a linear model of the answer near one row, over which parts are there.

Ribeiro, Singh and Guestrin, "Why should I trust you?", 2016. The regression is the one that the authors' library
fits to texts: every number of parts that are left out counts alike, a set that is nearer to the row by the cosine of
its mask counts more, and a ridge regression over all parts (no selection of a few) gives the weights. The library
draws sets evenly and weighs them afterwards, so that most of its answers hardly count; here sets are drawn as often as
they count, and where every set fits into the samples nothing is drawn at all. Both come to the same regression as
samples grow.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelyard.methods import set_sampling
from modelyard.methods.coalitions import Value

KERNEL_WIDTH = 0.25
RIDGE = 1.0


@dataclass(frozen=True)
class LocalModel:
    """Answer ≈ intercept + sum of the weights of the parts that are there.

    Attributes:
        weights: float64 [units].
        fit: weighted R² over the samples; near 0 the row's surroundings are not linear, and the weights say little.
    """

    weights: np.ndarray
    intercept: float
    fit: float


def explain(value: Value, units: int, *, samples: int, seed: int) -> LocalModel:
    """Fit the local model.

    Args:
        samples: sets to ask for, the whole row among them.
    """
    kept, importance = choose_sets(units, samples, seed)
    return fit(kept.astype(np.float64), value(kept), importance)


def choose_sets(units: int, samples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sets and how much each counts, bool [n, units] and float64 [n]: the whole row, at most ``samples`` - 1 others.

    They count together what ``samples`` sets of the authors' library count on the average.
    """
    near = {size: closeness(size / units) for size in range(units - 1, -1, -1)}
    kept, weights = set_sampling.choose(units, near, [(size,) for size in near], samples - 1, seed)
    total = (samples - 1) * sum(near.values()) / units
    return np.concatenate([np.ones((1, units), dtype=bool), kept]), np.concatenate([[1.0], weights * total])


def closeness(share: float) -> float:
    """How much a set counts that has a share of the parts: a kernel over its cosine distance from the whole row."""
    return float(np.sqrt(np.exp(-(((1 - np.sqrt(share)) / KERNEL_WIDTH) ** 2))))


def fit(kept: np.ndarray, answers: np.ndarray, importance: np.ndarray) -> LocalModel:
    """Weighted ridge regression with an intercept that is not penalized.

    Args:
        kept: float64 [n, units].
        answers: float64 [n].
        importance: weight of each sample, float64 [n].
    """
    share = importance / importance.sum()
    centre, level = share @ kept, share @ answers
    inputs, outputs = kept - centre, answers - level
    gram = (inputs * importance[:, None]).T @ inputs
    weights = np.linalg.solve(gram + RIDGE * np.eye(kept.shape[1]), inputs.T @ (importance * outputs))
    rest, spread = importance @ (outputs - inputs @ weights) ** 2, importance @ outputs**2
    return LocalModel(weights, float(level - centre @ weights), float(1 - rest / spread) if spread > 0 else 0.0)
