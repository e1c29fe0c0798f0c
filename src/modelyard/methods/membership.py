"""Whether a model's answer to a row tells that it was trained on it.

The score is the confidence in the right class on the scale of log odds, less that of a model that never saw the row
where there is one: the loss threshold of Yeom et al. (2018), and with a reference the offline attack of Carlini et al.
(2022, "LiRA") with a single shadow model, which is the calibration of Watson et al. (2022). Knows probabilities only.
"""

from __future__ import annotations

import numpy as np

LEAST = 1e-12
"""Probabilities nearer to 0 or 1 than this are taken to be this near."""


def scores(probabilities: np.ndarray, targets: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """High for rows that the model was likely trained on.

    Args:
        probabilities: (rows, classes) of the model.
        targets: number of each right class.
        reference: the same of a model that was not trained on these rows.
    """
    own = _log_odds(probabilities, targets)
    return own if reference is None else own - _log_odds(reference, targets)


def _log_odds(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    rows = np.arange(len(targets))
    right = probabilities[rows, targets].astype(np.float64)
    # Summed, not 1 - right: where the right class is nearly sure, that would be rounding alone.
    wrong = probabilities.astype(np.float64).sum(axis=1, where=np.arange(probabilities.shape[1]) != targets[:, None])
    return np.asarray(np.log(np.maximum(right, LEAST)) - np.log(np.maximum(wrong, LEAST)))
