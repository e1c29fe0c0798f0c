"""How far what is seen now is from what was seen before: of a number, or of a class.

A size (the population stability index) with its interval, and the probability of such a difference by chance. Knows
values, not what they are of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modelyard.core.report import Measure
from modelyard.methods import chi_square, kolmogorov_smirnov, live_checks

BINS = 10


@dataclass(frozen=True)
class Shift:
    """A difference of two samples.

    Attributes:
        stability: population stability index.
        distance: that of Kolmogorov and Smirnov; None for classes.
        p: probability of such a difference where there is none.
    """

    stability: Measure
    distance: float | None
    p: float


def of_classes(new: Mapping[str, int], reference: Mapping[str, int], *, confidence: float) -> Shift:
    """Class → rows, now and before."""
    names = sorted({*new, *reference})
    first, second = (np.array([side.get(name, 0) for name in names]) for side in (new, reference))
    stability = live_checks.shift(new, reference, confidence=confidence)
    return Shift(stability, None, chi_square.homogeneity(first, second))


def of_numbers(new: np.ndarray, reference: np.ndarray, *, confidence: float) -> Shift:
    """Numbers, now and before; NaN where a row has none.

    The index is over the tenths of the reference, what is below all of it, and gaps; the probability is Kolmogorov's
    and Smirnov's of the numbers that are there, and where there are gaps, of them too (Bonferroni).
    """
    binned = of_classes(_bins(new, reference), _bins(reference, reference), confidence=confidence)
    present, known = new[~np.isnan(new)], reference[~np.isnan(reference)]
    if not len(present) or not len(known):
        return binned
    distance, p = kolmogorov_smirnov.two_samples(present, known)
    if len(present) < len(new) or len(known) < len(reference):
        p = min(1.0, 2 * min(p, binned.p))
    return Shift(binned.stability, distance, p)


def _bins(values: np.ndarray, reference: np.ndarray) -> Mapping[str, int]:
    """Bin → values; a bin reaches up to its upper edge, itself included."""
    known, present = reference[~np.isnan(reference)], values[~np.isnan(values)]
    found = Counter({"gap": len(values) - len(present)})
    if len(known):
        tenths = np.quantile(known, np.arange(1, BINS) / BINS, method="inverted_cdf")
        edges = np.unique([np.nextafter(known.min(), -np.inf), *tenths])
        found.update(map(str, np.searchsorted(edges, present, side="left").tolist()))
    else:
        found["0"] = len(present)
    return found
