"""Answering only where the model is sure: risk against coverage, and the area under that curve.

Rows are answered from the highest score down. Geifman and El-Yaniv 2017, "Selective classification for deep neural
networks"; AURC as in Geifman, Uziel and El-Yaniv 2019. Knows scores and whether the answer was right.
"""

from __future__ import annotations

import numpy as np


def risk_coverage(scores: np.ndarray, right: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of the rows that are answered, and of these the share that is wrong, row by row from the surest down.

    Rows of one score share their errors evenly: which of them comes first is chance.

    Args:
        scores: [n].
        right: bool [n].
        weights: [resamples, n].

    Returns:
        coverage and risk, each [resamples, n]; not a number where nothing is answered.
    """
    order = np.argsort(-scores, kind="stable")
    _, group = np.unique(-scores[order], return_inverse=True)
    drawn = weights[:, order].astype(np.float64)
    wrong = drawn * ~right[order]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    of_group = np.add.reduceat(drawn, starts, axis=1), np.add.reduceat(wrong, starts, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = np.where(of_group[0] > 0, of_group[1] / of_group[0], 0.0)
        answered = np.cumsum(drawn, axis=1)
        risk = np.cumsum(drawn * rate[:, group], axis=1) / answered
    return answered / answered[:, -1:], risk


def area(scores: np.ndarray, right: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """AURC: the mean risk over all coverages [resamples]; the smaller the better, 0 for no error at all."""
    order = np.argsort(-scores, kind="stable")
    _, risk = risk_coverage(scores, right, weights)
    drawn = weights[:, order]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((drawn * np.nan_to_num(risk)).sum(axis=1) / drawn.sum(axis=1))


def score_at(scores: np.ndarray, coverage: float) -> float:
    """The score that at least ``coverage`` of the rows reach, as high as it can be."""
    rank = int(np.ceil(coverage * len(scores) - 1e-9))
    return float(np.sort(scores)[::-1][max(0, rank - 1)])
