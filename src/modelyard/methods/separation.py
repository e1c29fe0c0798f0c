"""How well a score tells two kinds of rows apart: area under the ROC curve, and what is caught at few false alarms.

Knows scores, not what the rows are.
"""

from __future__ import annotations

import numpy as np

from modelyard.core.report import Figure, Measure, Series
from modelyard.methods.intervals import roc_auc_interval, wilson
from modelyard.methods.ranking_scores import cumulative_counts, roc_auc

CURVE_POINTS = 200


def area(positive: np.ndarray, negative: np.ndarray, confidence: float) -> Measure:
    """Probability that a positive row scores above a negative one, ties counting half; Newcombe's interval."""
    scores, is_positive = _together(positive, negative)
    value = float(roc_auc(scores, is_positive, np.ones((1, len(scores))))[0])
    low, high = roc_auc_interval(value, len(positive), len(negative), confidence)
    return Measure(value, low, high, len(scores), confidence=confidence)


def caught(positive: np.ndarray, negative: np.ndarray, false_alarms: float, confidence: float) -> Measure:
    """Share of the positive rows above the lowest threshold that no more than that share of negative ones exceed.

    Wilson's interval for the threshold as it is: that it was chosen on the same rows is not in it.
    """
    allowed = int(false_alarms * len(negative) + 1e-9)
    ordered = np.sort(negative)[::-1]
    threshold = ordered[allowed] if allowed < len(ordered) else -np.inf
    found = int((positive > threshold).sum())
    low, high = wilson(found, len(positive), confidence)
    return Measure(found / len(positive), low, high, len(positive), confidence=confidence)


def picture(title: str, name: str, positive: np.ndarray, negative: np.ndarray, positive_name: str) -> Figure:
    """The ROC curve."""
    true, false = cumulative_counts(*_together(positive, negative), np.ones((1, len(positive) + len(negative))))
    chosen = np.unique(np.linspace(0, true.shape[1] - 1, CURVE_POINTS).astype(int))
    x, y = (false[0] / len(negative))[chosen].tolist(), (true[0] / len(positive))[chosen].tolist()
    return Figure(title, "line", "false alarms", positive_name, [Series(name, x, y)], diagonal=True)


def _together(positive: np.ndarray, negative: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores = np.concatenate([positive, negative]).astype(np.float64)
    return scores, np.arange(len(scores)) < len(positive)
