"""A share of some rows as a measure with Wilson's interval. Knows counts, neither rows nor models."""

from __future__ import annotations

from modelyard.core.report import Measure
from modelyard.methods.intervals import wilson


def proportion(successes: float, n: float, confidence: float) -> Measure:
    """``successes`` of ``n``; neither value nor interval where n is 0."""
    value = successes / n if n else None
    return Measure(value, *wilson(successes, n, confidence), n=int(n), confidence=confidence)
