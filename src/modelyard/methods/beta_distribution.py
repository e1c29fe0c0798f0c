"""The beta distribution: its distribution function by a continued fraction, its quantiles by halving.

Exact limits of proportions and Student's t are questions to it. Knows numbers only.
"""

from __future__ import annotations

import math

_TERMS = 500
_HALVINGS = 200
_TINY = 1e-300


def cdf(x: float, a: float, b: float) -> float:
    """Regularized incomplete beta function I_x(a, b), for a and b above 0 and x from 0 to 1.

    The continued fraction of DiDonato and Morris (1992, ACM TOMS 18; DLMF 8.17.22), evaluated by Lentz's method; on
    the far side of the mean by I_x(a, b) = 1 - I_{1-x}(b, a), where it converges fast.
    """
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - cdf(1.0 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) / a / _fraction(x, a, b)


def quantile(probability: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = probability."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if cdf(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


def _fraction(x: float, a: float, b: float) -> float:
    """1 + d1/(1 + d2/(1 + …)), d being DLMF 8.17.23."""
    value, up, down = 1.0, 1.0, 0.0
    for term in range(1, _TERMS):
        m = term // 2
        if term % 2:
            factor = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            factor = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        down = 1 / ((1 + factor * down) or _TINY)
        up = (1 + factor / up) or _TINY
        value *= up * down
        if abs(up * down - 1) < 1e-15:
            break
    return value
