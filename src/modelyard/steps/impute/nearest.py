"""``impute nearest``: a gap becomes the mean of the nearest rows that have a value there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.impute._filling import impute


@step(needs="features")
def nearest(
    data: Dataset,
    *,
    out: Path,
    neighbours: Annotated[int, Between(1, 1000)] = 5,
    kept: Annotated[int, Between(1, 100_000)] = 1000,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Fill gaps with the mean of the nearest training rows that have a value there.

    Distances go by the standardized columns that both rows have (Troyanskaya et al. 2001). The training rows that are
    asked travel inside the model: whoever has the model can read them. Categories take the most frequent one.

    Args:
        data: rows of a table, loaded with missing: keep.
        neighbours: rows that are averaged.
        kept: most training rows that the model keeps to ask; more are more exact, and slower for every request.
        seed: which ones, where there are more.

    Raises:
        InputError: no table, or a column without any value.
    """

    def fit(seen: np.ndarray) -> Mapping[str, Any]:
        chosen = _choose(seen, kept, seed)
        deviation = np.nanstd(seen, axis=0)
        donors = [[None if np.isnan(value) else value for value in row] for row in chosen.tolist()]
        scale = np.where(deviation > 0, deviation, 1.0)
        return {"donors": donors, "scale": scale.tolist(), "neighbours": neighbours}

    return impute(data, out, "nearest", fit)


def _choose(seen: np.ndarray, kept: int, seed: int) -> np.ndarray:
    """Rows to keep, of which each column has a value in one at least."""
    if len(seen) <= kept:
        return seen
    order = np.random.default_rng(seed).permutation(len(seen))
    lacking = np.flatnonzero(np.isnan(seen[order[:kept]]).all(axis=0))
    needed = [order[np.flatnonzero(~np.isnan(seen[order, column]))[0]] for column in lacking]
    return np.asarray(seen[np.sort(np.unique([*order[:kept], *needed]))])
