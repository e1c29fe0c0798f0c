"""What several trainings on resampled rows say together: the corrected resampled t interval and test.

Folds share most of their training rows, so their scores are not independent, and the plain t test finds differences
that are not there. Nadeau and Bengio 2003 (Machine Learning 52) widen the variance by the ratio of test to training
rows; Bouckaert and Frank 2004 do the same over repeated folds. Knows scores only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from modelyard.methods import student_t
from modelyard.methods.intervals import UNKNOWN, Interval


def interval(scores: Sequence[float], ratio: float, confidence: float) -> Interval:
    """Interval for the mean score: mean ± t sqrt((1/J + ratio) s²), t with J - 1 degrees of freedom.

    Args:
        scores: of each of J trainings.
        ratio: test rows over training rows; 1 / (k - 1) of k folds.
    """
    error = _standard_error(scores, ratio)
    if error is None:
        return UNKNOWN
    half = student_t.quantile(confidence, len(scores) - 1) * error
    mean = float(np.mean(scores))
    return mean - half, mean + half


def p_value(differences: Sequence[float], ratio: float) -> float | None:
    """Two-sided p-value that two procedures score alike, of their differences on the same folds."""
    error = _standard_error(differences, ratio)
    if error is None:
        return None
    mean = float(np.mean(differences))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return student_t.two_sided_p(mean / error, len(differences) - 1)


def _standard_error(scores: Sequence[float], ratio: float) -> float | None:
    if len(scores) < 2:
        return None
    return math.sqrt((1 / len(scores) + ratio) * float(np.var(scores, ddof=1)))
