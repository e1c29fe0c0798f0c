"""Multinomial logistic regression over sparse rows, trained by Nesterov's accelerated gradient: simple and repeatable.

The mean negative log-likelihood with lambda/2 times the squared weights (not of the biases); 1/L steps with momentum
(Nesterov 1983; Beck and Teboulle 2009), L being half the largest squared norm of a row, biases included, plus lambda.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modelyard.methods.class_predictions import softmax


@dataclass(frozen=True)
class SparseRows:
    """Rows as lists of (column, value).

    Attributes:
        starts: where each row begins, and the end, (rows + 1,); every row has an entry at least.
        columns: (entries,).
        values: (entries,).
        width: number of columns.
    """

    starts: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    width: int

    def take(self, rows: np.ndarray) -> SparseRows:
        """Some of the rows, in the order in which they are named."""
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.starts[rows] - starts[:-1], lengths) + np.arange(starts[-1])
        return SparseRows(starts, self.columns[places], self.values[places], self.width)

    def times(self, weights: np.ndarray) -> np.ndarray:
        """(rows, classes) for weights of shape (width, classes)."""
        return np.asarray(np.add.reduceat(weights[self.columns] * self.values[:, None], self.starts[:-1], axis=0))

    def transposed_times(self, per_row: np.ndarray) -> np.ndarray:
        """(width, classes) for numbers of shape (rows, classes)."""
        owner = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        spread = per_row[owner] * self.values[:, None]
        return np.stack([np.bincount(self.columns, part, self.width) for part in spread.T], axis=1)


@dataclass(frozen=True)
class SoftmaxRegression:
    """A trained model: weights (width, classes) and biases (classes,)."""

    weights: np.ndarray
    biases: np.ndarray

    def probabilities(self, rows: SparseRows) -> np.ndarray:
        """(rows, classes)."""
        return softmax(rows.times(self.weights) + self.biases)


def fit(
    rows: SparseRows, labels: np.ndarray, classes: int, *, penalty: float = 1e-4, iterations: int = 150
) -> SoftmaxRegression:
    """Train.

    Args:
        labels: class of each row, from 0.
        penalty: lambda.
    """
    target = np.eye(classes)[labels]
    norms = np.add.reduceat(rows.values**2, rows.starts[:-1])
    step = 1 / (0.5 * (norms.max() + 1) + penalty)
    weights, biases = np.zeros((rows.width, classes)), np.zeros(classes)
    ahead, ahead_biases, momentum = weights, biases, 1.0
    for _ in range(iterations):
        error = (softmax(rows.times(ahead) + ahead_biases) - target) / len(labels)
        new = ahead - step * (rows.transposed_times(error) + penalty * ahead)
        new_biases = ahead_biases - step * error.sum(axis=0)
        after = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = new + (momentum - 1) / after * (new - weights)
        ahead_biases = new_biases + (momentum - 1) / after * (new_biases - biases)
        weights, biases, momentum = new, new_biases, after
    return SoftmaxRegression(weights, biases)


def cross_validated(rows: SparseRows, labels: np.ndarray, classes: int, folds: np.ndarray) -> np.ndarray:
    """Probabilities of each row by a model that did not see it, (rows, classes).

    Args:
        folds: the fold of each row, from 0.
    """
    found = np.empty((len(labels), classes))
    for fold in range(int(folds.max()) + 1):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        found[inside] = fit(rows.take(outside), labels[outside], classes).probabilities(rows.take(inside))
    return found
