"""Purity: how much a few rows are of one kind, beside rows drawn by chance. Knows names only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods import bootstrap, intervals

DRAWS = 1000


def share(names: Sequence[str]) -> float:
    """Share of the commonest name."""
    return max(Counter(names).values()) / len(names)


def by_chance(names: Sequence[str], count: int, *, seed: int) -> float:
    """The mean share of ``count`` rows drawn from all, without putting back."""
    random = np.random.default_rng(seed)
    kinds = np.unique(np.asarray(names), return_inverse=True)[1]
    drawn = [kinds[random.permutation(len(kinds))[:count]] for _ in range(DRAWS)]
    return float(np.mean([np.bincount(one).max() / len(one) for one in drawn]))


def mean(shares: Sequence[float], confidence: float, seed: int) -> Measure:
    """Over several groups of rows, with the bootstrap's interval."""
    values = np.array(shares)
    n = len(values)
    drawn = bootstrap.resample_rows(n, lambda counts: {"value": counts @ values / n}, seed=seed)["value"]
    interval = bootstrap.percentile_interval(drawn, confidence) if n > 1 else intervals.UNKNOWN
    return Measure(float(values.mean()), *interval, n=n, confidence=confidence)
