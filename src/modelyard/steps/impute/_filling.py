"""Fills every split by the transform that travels with the model, so that data and requests are filled alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.transform import TransformSpec
from modelyard.engines import transforming
from modelyard.formats import feature_table
from modelyard.formats.feature_table import FeatureTable
from modelyard.formats.table_model import ROLE


def impute(data: Dataset, out: Path, imputer: str, fit: Callable[[np.ndarray], Mapping[str, Any]]) -> Dataset:
    """Learn to fill numbers on the training rows, and fill every split.

    A gap in a column of categories takes the most frequent one, whatever the method.

    Args:
        imputer: as the transform ``impute`` calls it.
        fit: (rows, columns) with NaN for gaps → what that imputer needs, as JSON values.

    Raises:
        InputError: the data are no table, or a column has no value to learn from.
    """
    known = feature_table.read_training(data)
    _check_values(known)
    options = {
        "imputer": imputer,
        "fitted": dict(fit(known.numbers)) if known.names else {},
        "numbers": list(known.names),
        "categories": {name: _most_frequent(values) for name, values in known.categories.items()},
    }
    return transformed(data, out, TransformSpec("impute", options))


def transformed(data: Dataset, out: Path, spec: TransformSpec, more: Sequence[str] = ()) -> Dataset:
    """Every split with a transform done to its features.

    Args:
        more: columns of numbers that it adds.
    """
    import pyarrow as pa

    fields = [*data.schema.field(ROLE).type, *(pa.field(name, pa.float64()) for name in more)]
    return transforming.transform(data, spec, [ROLE], out=out, title="imputing", types={ROLE: pa.struct(fields)})


def _check_values(known: FeatureTable) -> None:
    rows = len(known.numbers)
    for name, missing in known.gaps().items():
        if missing == rows:
            raise InputError(
                f"the feature {name!r} has no value in any row of train",
                expected="one value to learn from",
                fix="leave the column out under columns: features:",
            )


def _most_frequent(values: Sequence[str | None]) -> str:
    """Of equally frequent ones the first in the alphabet."""
    counts = Counter(value for value in values if value is not None)
    return min(counts, key=lambda value: (-counts[value], value))
