"""Discrete Laplace noise, drawn exactly with whole numbers: no floating-point value can give the noise away.

Canonne, Kamath and Steinke 2020, The Discrete Gaussian for Differential Privacy, algorithms 1 and 2. With scale
sensitivity / epsilon it is the geometric mechanism (Ghosh, Roughgarden and Sundararajan 2009). Floating-point Laplace
noise can be undone by the bits that it cannot take (Mironov 2012); here there are none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

Below = Callable[[int], int]
"""A uniform whole number from 0 up to the argument - 1, such as ``secrets.randbelow``."""


def draw(scale: Fraction, below: Below) -> int:
    """A whole number z with probability (e^(1/scale) - 1) / (e^(1/scale) + 1) · e^(-abs(z) / scale).

    Args:
        scale: above 0, exact.
        below: where the randomness comes from.
    """
    t, s = scale.numerator, scale.denominator
    while True:
        u = below(t)
        if not _bernoulli_exp(Fraction(u, t), below):
            continue
        v = 0
        while _bernoulli_exp(Fraction(1), below):
            v += 1
        magnitude = (u + t * v) // s
        negative = below(2) == 1
        if not (negative and magnitude == 0):
            return -magnitude if negative else magnitude


def quantile(scale: float, confidence: float) -> int:
    """The smallest q with abs(z) <= q in ``confidence`` of draws.

    P(abs(z) > q) = 2 e^(-q/scale) / (e^(1/scale) + 1).
    """
    q = scale * (math.log(2 / (1 - confidence)) - _log_one_plus_exp(1 / scale))
    return max(0, math.ceil(q - 1e-9))


def variance(scale: float) -> float:
    """2 p / (1 - p)² with p = e^(-1/scale)."""
    p = math.exp(-1 / scale)
    return 2 * p / (1 - p) ** 2


def _log_one_plus_exp(x: float) -> float:
    return x + math.log1p(math.exp(-x))


def _bernoulli_exp(gamma: Fraction, below: Below) -> bool:
    """True with probability e^(-gamma), for gamma from 0 to 1 (algorithm 1)."""
    k = 1
    while below(gamma.denominator * k) < gamma.numerator:
        k += 1
    return k % 2 == 1
