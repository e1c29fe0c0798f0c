"""How far a row's features lie from those of every class (Lee et al. 2018). Knows arrays only.

Each class is a Gaussian about its own mean with the covariance that all share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RIDGE = 1e-3
"""Share of the mean variance that is added to every direction: features that never vary have an inverse too."""


@dataclass(frozen=True)
class Gaussians:
    """Means [classes, width] of the classes that occurred, and the inverse of the shared covariance."""

    means: np.ndarray
    precision: np.ndarray

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distance of each row [n, width] to the nearest class [n]."""
        apart = features[:, None, :] - self.means
        return np.asarray(np.einsum("ncw,wv,ncv->nc", apart, self.precision, apart).min(axis=1))


def fit(features: np.ndarray, labels: np.ndarray) -> Gaussians:
    """Means and shared covariance of labelled rows [n, width]."""
    present = np.unique(labels)
    means = np.stack([features[labels == label].mean(axis=0) for label in present]).astype(np.float64)
    centred = features - means[np.searchsorted(present, labels)]
    covariance = centred.T @ centred / len(features)
    ridge = RIDGE * max(float(np.trace(covariance)) / len(covariance), np.finfo(np.float64).tiny)
    return Gaussians(means, np.linalg.inv(covariance + ridge * np.eye(len(covariance))))
