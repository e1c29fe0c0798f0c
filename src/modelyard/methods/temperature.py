"""Temperature scaling: one number that makes a classifier as sure as it is right.

Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2. The order of the classes, and so the
answer, stays. Knows probabilities, no model.
"""

from __future__ import annotations

import numpy as np

from modelyard.methods.class_predictions import softmax

COLDEST, HOTTEST = 0.01, 100.0
_HALVINGS = 60


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """softmax(log p / T), shape (rows, classes): flatter for T > 1, sharper below.

    Of probabilities and of the logits behind them the result is the same.
    """
    return softmax(_logarithms(probabilities) / temperature)


def fit(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The temperature of the least log loss, from 0.01 to 100.

    The loss is convex in 1 / T, and its slope there is the mean of what the model expects of its own log
    probabilities minus that of the right class: the root is found by halving.

    Args:
        probabilities: (rows, classes), at least one row.
        targets: right class of each row.
    """
    logits = _logarithms(probabilities)
    given = logits[np.arange(len(targets)), targets]

    def slope(inverse: float) -> float:
        return float(((scale(probabilities, 1 / inverse) * logits).sum(axis=1) - given).mean())

    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if slope(middle) > 0 else (middle, high)
    return 1 / float(np.sqrt(low * high))


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    # A probability that was rounded to zero still has to have a logarithm.
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)))
