"""Tests of two models on the same rows. Knows only on how many rows each alone was right."""

from __future__ import annotations

import math


def mcnemar_p(first_only: int, second_only: int) -> float:
    """Exact two-sided p-value that both models are right equally often (McNemar 1947, binomial form).

    Args:
        first_only: rows where only the first model was right.
        second_only: rows where only the second was.
    """
    n, k = first_only + second_only, min(first_only, second_only)
    log_terms = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]
    return min(1.0, 2 * math.fsum(math.exp(term - n * math.log(2)) for term in log_terms))
