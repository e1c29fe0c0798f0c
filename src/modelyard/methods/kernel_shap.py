"""Kernel SHAP: Shapley values as a weighted linear regression over sets of parts.

Lundberg and Lee, "A unified approach to interpreting model predictions", 2017; sets in pairs with their complements
after Covert and Lee, "Improving KernelSHAP", 2021. Sizes of sets that the budget can hold are asked in full, from
the outside in; the rest of the budget is drawn. Exact where every set fits into the budget. What the values add up
to is a constraint of the regression: the answer with all parts less the answer with none.
"""

from __future__ import annotations

import numpy as np

from modelyard.core.errors import InputError, ModelyardError
from modelyard.methods import set_sampling, shapley
from modelyard.methods.coalitions import Value, ends

TOLERANCE = 1e-6
"""Largest error of the sum, as a share of what is added up or of 1."""


def explain(value: Value, units: int, *, samples: int, seed: int) -> np.ndarray:
    """Shapley values, float64 [units].

    Args:
        samples: sets that may be asked for.

    Raises:
        InputError: so few that some part is never asked about.
        ModelyardError: the values do not add up.
    """
    base, whole = ends(value, units)
    if 2**units <= samples:
        found = shapley.explain(value, units)
    else:
        if samples < 2 * units + 2:
            raise InputError(
                f"samples: {samples} for {units} parts",
                expected=f"{2 * units + 2} or more",
                fix="give more samples, or fewer units",
            )
        kept, weights = choose_sets(units, samples - 2, seed)
        found = _regress(kept.astype(np.float64), weights, value(kept) - base, whole - base)
    check_sum(found, base, whole)
    return found


def check_sum(values: np.ndarray, base: float, whole: float) -> None:
    """See that the values add up to the answer (additivity, also called local accuracy).

    Raises:
        ModelyardError: they do not.
    """
    error = abs(float(values.sum()) - (whole - base))
    if not error <= TOLERANCE * max(1.0, abs(whole), abs(base)):
        raise ModelyardError(
            f"the attributions add up to {values.sum():.6g}",
            expected=f"{whole - base:.6g}, the answer less the answer without any part",
            fix="look for answers that are not finite, or give more samples",
        )


def choose_sets(units: int, budget: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sets to ask for and their weights: bool [n, units] and float64 [n], n being ``budget`` at most."""
    mass = {size: (units - 1) / (size * (units - size)) for size in range(1, units)}
    pairs = [tuple({size, units - size}) for size in range(1, units // 2 + 1)]
    return set_sampling.choose(units, mass, pairs, budget, seed)


def _regress(kept: np.ndarray, weights: np.ndarray, gains: np.ndarray, total: float) -> np.ndarray:
    """The weighted least squares under the constraint that the values add up to ``total``."""
    gram = (kept * weights[:, None]).T @ kept
    moment = kept.T @ (weights * gains)
    free, ones = np.linalg.lstsq(gram, np.stack([moment, np.ones(len(moment))], axis=1), rcond=None)[0].T
    return np.asarray(free + ones * (total - free.sum()) / ones.sum())
