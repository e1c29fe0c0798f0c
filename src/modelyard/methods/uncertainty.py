"""What several answers to the same rows say of how sure their mean is: uncertainty of the data and of the model.

The entropy of the mean answer splits into what every member is unsure of by itself (the rows are ambiguous) and what
they disagree about (the model has not seen enough): the mutual information of answer and member (Depeweg et al. 2018;
"BALD", Houlsby et al. 2011). Knows probabilities, no model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Uncertainty:
    """Of n rows, in nats.

    Attributes:
        mean: probabilities (n, classes).
        total: entropy of the mean [n].
        data: mean entropy of the members [n].
    """

    mean: np.ndarray
    total: np.ndarray
    data: np.ndarray

    @property
    def knowledge(self) -> np.ndarray:
        """What members disagree about, 0 where they are alike [n]."""
        return np.asarray(np.maximum(0.0, self.total - self.data))


def decompose(members: np.ndarray) -> Uncertainty:
    """Split the uncertainty of the mean.

    Args:
        members: probabilities (members, n, classes).
    """
    mean = members.mean(axis=0)
    return Uncertainty(mean, entropy(mean), entropy(members).mean(axis=0))


def entropy(probabilities: np.ndarray) -> np.ndarray:
    """In nats, over the last axis; what has no probability adds nothing."""
    logs = np.log(np.where(probabilities > 0, probabilities, 1.0))
    return np.asarray(-(probabilities * logs).sum(axis=-1))
