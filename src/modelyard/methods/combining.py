"""One answer from those of several classifiers. Knows probabilities, no model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TIE_BREAK = 1e-6
"""Weight of the mean probabilities beside the votes: enough to order equal shares, too little to change others."""


def average(probabilities: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """Weighted mean of the members' probabilities, each of shape (rows, classes)."""
    return np.asarray(np.average(np.stack(probabilities), axis=0, weights=weights))


def vote(probabilities: Sequence[np.ndarray], weights: Sequence[float]) -> np.ndarray:
    """The weighted share of the members that find each class likeliest; ties go by :func:`average`.

    The shares come mixed with ``TIE_BREAK`` of the mean probabilities.
    """
    votes = [np.eye(member.shape[1])[member.argmax(axis=1)] for member in probabilities]
    return (1 - TIE_BREAK) * average(votes, weights) + TIE_BREAK * average(probabilities, weights)
