"""Student's t distribution, by way of the beta distribution. Knows numbers only."""

from __future__ import annotations

import math

from modelyard.methods import beta_distribution


def two_sided_p(t: float, degrees: float) -> float:
    """Probability that a t variable is farther from 0 than ``t``."""
    return beta_distribution.cdf(degrees / (degrees + t * t), degrees / 2, 0.5)


def quantile(confidence: float, degrees: float) -> float:
    """t so that a variable lies in [-t, t] with probability ``confidence``."""
    x = beta_distribution.quantile(1 - confidence, degrees / 2, 0.5)
    return math.sqrt(degrees * (1 - x) / x)
