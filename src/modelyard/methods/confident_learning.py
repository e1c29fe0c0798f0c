"""Labels that are probably wrong (Northcutt, Jiang and Chuang 2021, Confident Learning, JAIR 70).

A row counts as class j if the probability of j reaches the mean probability of j among the rows labelled j; of several
such classes the most probable one. Where that is another class than the row's label, the label is suspected. The
thresholds make up for a model that is too sure, or too unsure, of some class.
"""

from __future__ import annotations

import numpy as np


def suspects(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose label is suspected, the most suspicious first, and the class that each seems to be.

    Suspicion is the probability of that class minus that of the label (normalized margin).

    Args:
        probabilities: (rows, classes), of models that did not see the row.
        labels: class of each row, from 0.
    """
    seems = confident_classes(probabilities, labels)
    rows = np.flatnonzero((seems >= 0) & (seems != labels))
    margins = probabilities[rows, seems[rows]] - probabilities[rows, labels[rows]]
    order = rows[np.argsort(-margins, kind="stable")]
    return order, seems[order]


def confident_classes(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The class that each row counts as; -1 where none is sure enough, (rows,)."""
    thresholds = np.array(
        [
            probabilities[labels == number, number].mean() if (labels == number).any() else np.inf
            for number in range(probabilities.shape[1])
        ]
    )
    sure = np.where(probabilities >= thresholds, probabilities, -1.0)
    return np.asarray(np.where(sure.max(axis=1) >= 0, sure.argmax(axis=1), -1))
