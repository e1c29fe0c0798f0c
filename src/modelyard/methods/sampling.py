"""Choosing the next token from logits: penalty, temperature, top-k, top-p, min-p.

Pure arrays of one sequence; knows no model and no batch.
"""

from __future__ import annotations

import numpy as np


def penalize(logits: np.ndarray, seen: np.ndarray, penalty: float) -> np.ndarray:
    """Make tokens that occurred before less likely (Keskar et al. 2019, CTRL, section 4.1).

    Args:
        logits: shape (vocabulary,).
        seen: ids that occurred, in the prompt or the answer.
        penalty: positive logits are divided by it, negative ones multiplied; 1 changes nothing.
    """
    if penalty == 1.0 or not len(seen):
        return logits
    ids = np.unique(seen)
    penalized = logits.copy()
    penalized[ids] = np.where(logits[ids] > 0, logits[ids] / penalty, logits[ids] * penalty)
    return penalized


def distribution(
    logits: np.ndarray, *, temperature: float, top_k: int = 0, top_p: float = 1.0, min_p: float = 0.0
) -> np.ndarray:
    """Probabilities of the next token, float64, shape (vocabulary,); they sum to 1.

    The cuts are made one after the other, on the tempered distribution; the most likely token always stays, and so
    do all that are as likely as the last one that is kept.

    Args:
        logits: shape (vocabulary,); at least one is finite.
        temperature: above 0; below 1 sharpens, above 1 flattens.
        top_k: keep the ``top_k`` most likely tokens; 0 keeps all.
        top_p: keep the fewest tokens whose probabilities reach ``top_p`` (Holtzman et al. 2020, nucleus sampling).
        min_p: keep tokens at least ``min_p`` times as likely as the most likely one (Nguyen et al. 2024).
    """
    scaled = logits.astype(np.float64) / temperature
    kept = np.exp(scaled - scaled.max())
    if 0 < top_k < len(kept):
        kept = _cut(kept, np.partition(kept, -top_k)[-top_k])
    if top_p < 1.0:
        kept = _cut(kept, _nucleus_floor(kept, top_p))
    if min_p > 0.0:
        kept = _cut(kept, min_p * kept.max())
    return np.asarray(kept / kept.sum())


def _cut(weights: np.ndarray, floor: float) -> np.ndarray:
    return np.where(weights < floor, 0.0, weights)


def _nucleus_floor(weights: np.ndarray, top_p: float) -> float:
    """Weight of the least likely token of the nucleus."""
    ordered = np.sort(weights[weights > 0.0])[::-1]
    shares = np.cumsum(ordered) / ordered.sum()
    return float(ordered[min(int(np.searchsorted(shares, top_p)), len(ordered) - 1)])


def draw(probabilities: np.ndarray, generator: np.random.Generator) -> int:
    """One token id by inversion: the first whose cumulative probability exceeds a uniform number."""
    cumulative = np.cumsum(probabilities)
    position = int(np.searchsorted(cumulative, generator.random() * cumulative[-1], side="right"))
    return min(position, int(np.flatnonzero(probabilities)[-1]))
