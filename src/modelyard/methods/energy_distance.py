"""Whether two samples of vectors are of one kind: the energy distance (Székely and Rizzo 2013).

It sees any difference, needs neither a kernel nor a width, and equals a maximum mean discrepancy (Sejdinovic et al.
2013). The probability is that of a permutation test, which holds for samples of any size.
"""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods.intervals import normal_quantile

PERMUTATIONS = 499
DIRECTIONS = 10


def two_samples(
    first: np.ndarray, second: np.ndarray, *, confidence: float, seed: int, permutations: int = PERMUTATIONS
) -> tuple[Measure, float]:
    """How far two samples are apart, and the probability of that by chance.

    Args:
        first: (n, width), as ``second`` (m, width); two rows of each at least.
        confidence: of the interval, a jackknife's of both samples (Arvesen 1969).

    Returns:
        The coefficient of inhomogeneity, estimated without bias: of twice the mean distance from one sample to the
        other, the share that those within the samples do not explain. 0 where both are alike (a little below by
        chance), 1 where each is a point of its own; 0.06 where every number moved by half its deviation. And ``p``.
    """
    count = len(first)
    distances = _distances(np.concatenate([first, second]).astype(np.float64))
    sides = np.zeros((permutations + 1, len(distances)))
    sides[:, :count] = 1.0
    np.random.default_rng(seed).permuted(sides[1:], axis=1, out=sides[1:])
    reach = sides @ distances
    total, outgoing = distances.sum(), (sides * distances.sum(axis=1)).sum(axis=1)
    within = (reach * sides).sum(axis=1)
    found = _coefficient(outgoing - within, within, total - 2 * outgoing + within, count, len(second))
    # Sums of the same numbers in another order differ in the last digits.
    p = float((1 + (found[1:] >= found[0] - 1e-12).sum()) / (permutations + 1))
    low, high = _jackknife(distances, count, float(found[0]), confidence)
    return Measure(float(found[0]), low, high, count, confidence=confidence), p


def main_directions(first: np.ndarray, second: np.ndarray, *, most: int = DIRECTIONS) -> tuple[np.ndarray, np.ndarray]:
    """Both samples along the directions in which they vary most together, each of deviation one.

    Of what a classifier makes of its rows nearly all varies along one direction, that of its classes; without this
    nothing else would be seen. The directions are those of both, so that the permutation test holds.

    Args:
        most: directions; fewer where there are not 30 rows for each.
    """
    together = np.concatenate([first, second]).astype(np.float64)
    parts, sizes, _ = np.linalg.svd(together - together.mean(axis=0), full_matrices=False)
    kept = min(most, max(1, len(together) // 30), int((sizes > 1e-6 * sizes[0]).sum()))
    along = parts[:, :kept] * np.sqrt(len(together) - 1)
    return along[: len(first)], along[len(first) :]


def _distances(rows: np.ndarray) -> np.ndarray:
    """Euclidean, (rows, rows)."""
    squares = (rows**2).sum(axis=1)
    found: np.ndarray = np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0.0))
    np.fill_diagonal(found, 0.0)
    return found


def _coefficient(across: np.ndarray, first: np.ndarray, second: np.ndarray, n: float, m: float) -> np.ndarray:
    """Args:
    across: sum of the distances from one sample to the other.
    first: twice the sum of those within the first sample, of ``n`` rows.
    second: the same of the second, of ``m`` rows.
    """
    between = 2 * across / (n * m)
    apart = between - first / (n * (n - 1)) - second / (m * (m - 1))
    found: np.ndarray = np.divide(apart, between, out=np.zeros_like(between), where=between > 0)
    return found


def _jackknife(distances: np.ndarray, count: int, value: float, confidence: float) -> tuple[float, float]:
    """The ends of the interval: what the value becomes without each row in turn says how sure it is."""
    n, m = count, len(distances) - count
    to_first, to_second = distances[:, :n].sum(axis=1), distances[:, n:].sum(axis=1)
    across, first, second = to_second[:n].sum(), to_first[:n].sum(), to_second[n:].sum()
    if n < 3 or m < 3:
        return -1.0, 1.0
    without = (
        _coefficient(across - to_second[:n], first - 2 * to_first[:n], np.full(n, second), n - 1, m),
        _coefficient(across - to_first[n:], np.full(m, first), second - 2 * to_second[n:], n, m - 1),
    )
    variance = sum((len(part) - 1) * part.var() for part in without)
    reach = normal_quantile(confidence) * float(np.sqrt(variance))
    return max(-1.0, value - reach), min(1.0, value + reach)
