"""``impute iterative``: each column is predicted from all the others, round after round."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.methods import chained_imputation
from modelyard.steps.impute._filling import impute


@step(needs="features")
def iterative(
    data: Dataset,
    *,
    out: Path,
    rounds: Annotated[int, Between(1, 100)] = 10,
    l2: Annotated[float, Between(1e-9, 1e9)] = 1.0,
) -> Dataset:
    """Fill gaps by ridge regressions of each column on all the others.

    Gaps begin as the mean; then the columns take turns, those with the fewest gaps first, for some rounds (van Buuren
    and Groothuis-Oudshoorn 2011). It is good where columns go together, and of no use where they do not. Categories
    take the most frequent one, and help to predict nothing.

    Args:
        data: rows of a table, loaded with missing: keep.
        rounds: times that each column takes its turn.
        l2: penalty on the squared factors, on standardized columns.

    Raises:
        InputError: no table, or a column without any value.
    """

    def fit(seen: np.ndarray) -> Mapping[str, Any]:
        learned = chained_imputation.fit(seen, rounds=rounds, l2=l2)
        return {
            "mean": learned.mean.tolist(),
            "deviation": learned.deviation.tolist(),
            "order": learned.order,
            "coefficients": learned.coefficients.tolist(),
        }

    return impute(data, out, "chained", fit)
