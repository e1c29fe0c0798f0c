"""Writes down how each column of numbers is scaled; the encoder of whatever model is trained on the data does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.formats import feature_table


def scale(data: Dataset, out: Path, fit: Callable[[np.ndarray], tuple[float, float]]) -> Dataset:
    """The same rows, in their own units, with what the encoder shall take off each column and divide it by.

    Args:
        fit: the numbers of a column in the training rows → these two.

    Raises:
        InputError: the data are no table, or a column has no value to learn from.
    """
    known = feature_table.read_training(data)
    scaling = {}
    for name, column in zip(known.names, known.numbers.T, strict=True):
        seen = column[~np.isnan(column)]
        if not len(seen):
            raise InputError(
                f"the feature {name!r} has no value in any row of train", fix="leave it out under columns: features:"
            )
        scaling[name] = fit(seen)
    return data.rewrite(out, data.tables(), scaling=scaling)
