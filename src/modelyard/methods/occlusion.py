"""Occlusion: what the answer loses when one part is left out and all others stay.

Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014 (images); Li, Monroe and Jurafsky,
"Understanding neural networks through representation erasure", 2016 (words). Parts that stand in for each other
hide each other: with either gone the other still holds the answer, and both look idle.
"""

from __future__ import annotations

import numpy as np

from modelyard.methods.coalitions import Value


def explain(value: Value, units: int) -> np.ndarray:
    """v(all) - v(all but i) of each part i, float64 [units]; asks for units + 1 sets."""
    kept = np.ones((units + 1, units), dtype=bool)
    kept[1:][np.eye(units, dtype=bool)] = False
    answers = value(kept)
    return np.asarray(answers[0] - answers[1:])
