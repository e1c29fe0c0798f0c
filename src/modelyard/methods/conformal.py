"""Split conformal prediction: sets of classes that hold the right one as often as was asked for.

Whatever the model, if the rows that the threshold is fitted to and those that are answered come from one source in
random order, a set of level 1 - a holds the right class with a probability of at least 1 - a (Vovk, Gammerman and
Shafer 2005; Angelopoulos and Bates 2023). It holds on average over all rows, and over the draw of the fitted rows;
with ``by class`` it holds for each class. Three measures of how badly a class fits a row:

- ``lac``: 1 - p (Sadinle, Lei and Wasserman 2019): the smallest sets on average.
- ``aps``: the probabilities down to the class, its own among them (Romano, Sesia and Candès 2020): sets grow where
  the model is unsure. Not randomized, so that the same row gets the same set: it covers a little more than asked.
- ``raps``: the same with a penalty for each class beyond the first few (Angelopoulos et al. 2021): no huge sets.

Knows probabilities, no model.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

Method = Literal["lac", "aps", "raps"]
PENALTY, FREE_CLASSES = 0.01, 5
"""Of ``raps``: what each class costs beyond the first five, as in the paper for many classes."""


def misfit(probabilities: np.ndarray, method: Method) -> np.ndarray:
    """How badly each class fits each row, (rows, classes)."""
    if method == "lac":
        return 1 - probabilities
    order = np.argsort(-probabilities, axis=1, kind="stable")
    down_to = np.cumsum(np.take_along_axis(probabilities, order, axis=1), axis=1)
    if method == "raps":
        down_to += PENALTY * np.maximum(0, np.arange(1, probabilities.shape[1] + 1) - FREE_CLASSES)
    found = np.empty_like(down_to)
    np.put_along_axis(found, order, down_to, axis=1)
    return found


def threshold(misfits: np.ndarray, level: float) -> float:
    """The misfit that ``level`` of new rows do not exceed: the ceil((n + 1) level)-th smallest of n.

    Infinite where the rows are too few to promise that.

    Args:
        misfits: that of the right class of each row [n].
        level: such as 0.9.
    """
    rank = math.ceil((len(misfits) + 1) * level - 1e-9)
    return math.inf if rank > len(misfits) else float(np.sort(misfits)[rank - 1])


def fewest_rows(level: float) -> int:
    """Rows that a finite threshold takes."""
    return math.ceil(level / (1 - level) - 1e-9)


def sets(probabilities: np.ndarray, method: Method, thresholds: np.ndarray) -> np.ndarray:
    """Whether each class is in the set of each row, bool (rows, classes).

    The likeliest class always is: that can only add to what the set covers.

    Args:
        thresholds: one a class [classes].
    """
    # Sums of probabilities differ in the last bits from batch to batch.
    inside = misfit(probabilities, method) <= thresholds + 1e-12
    inside[np.arange(len(inside)), probabilities.argmax(axis=1)] = True
    return np.asarray(inside)
