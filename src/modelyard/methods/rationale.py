"""Comprehensiveness and sufficiency: what the answer loses without the most important parts, and with them alone.

DeYoung et al., "ERASER: a benchmark to evaluate rationalized NLP models", 2020: the mean over the most important 1, 5,
10, 20 and 50 per cent of the parts, one part at least. Knows an order, not where it comes from.
"""

from __future__ import annotations

import numpy as np

from modelyard.methods.coalitions import Value, leading

SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)


def scores(value: Value, order: np.ndarray) -> tuple[float, float]:
    """Comprehensiveness (higher is better) and sufficiency (lower is better).

    Args:
        order: numbers of the parts, the most important first.
    """
    units = len(order)
    counts = np.array([max(1, int(np.ceil(share * units))) for share in SHARES])
    first = leading(order, counts)
    answers = value(np.concatenate([np.ones((1, units), dtype=bool), ~first, first]))
    without, alone = answers[1 : len(counts) + 1], answers[len(counts) + 1 :]
    return float(np.mean(answers[0] - without)), float(np.mean(answers[0] - alone))
