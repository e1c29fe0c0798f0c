"""LIME: a linear model of the answer near one row, over which parts are there.

Ribeiro, Singh and Guestrin, "Why should I trust you?", 2016. Sampled and weighted as the authors' library does for
texts: a number of parts drawn uniformly is left out at random; a sample that is nearer to the row by the cosine of
its mask counts more; a ridge regression over all parts (no selection of a few) gives the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    kept = sample(units, samples, seed)
    near = 1 - np.sqrt(kept.sum(axis=1) / units)
    importance = np.sqrt(np.exp(-((near / KERNEL_WIDTH) ** 2)))
    return fit(kept.astype(np.float64), value(kept), importance)


def sample(units: int, samples: int, seed: int) -> np.ndarray:
    """Masks, bool [samples, units]: the whole row, and others from which 1 to all parts were taken at random."""
    random = np.random.default_rng(seed)
    absent = random.integers(1, units + 1, size=(samples - 1, 1))
    rank = random.random((samples - 1, units)).argsort(axis=1).argsort(axis=1)
    return np.concatenate([np.ones((1, units), dtype=bool), rank >= absent])


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
