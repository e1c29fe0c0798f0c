"""What predicted numbers share: the ends of an interval beside the value. Knows no kind of input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modelyard.core.model import Model
from modelyard.core.task import Prediction

LOW, HIGH = "low", "high"
"""Keys of a prediction with the ends of a conformal interval."""
INTERVAL = "interval"
"""The transform of answers that adds them."""
INTERVAL_MEASURES = ("interval_coverage", "interval_width")
"""What an evaluation gives beside, for a model that answers with intervals."""


def values(answers: Sequence[Prediction]) -> np.ndarray:
    """The predicted numbers, float64 [rows]."""
    return np.array([answer["value"] for answer in answers], dtype=np.float64)


def gives_intervals(model: Model) -> bool:
    """Whether its predictions have an interval."""
    return any(spec.name == INTERVAL for spec in model.answers)
