"""Fills every split by the transform that travels with the model, so that data and requests are filled alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.progress import progress
from modelyard.core.transform import TransformSpec
from modelyard.formats import feature_table
from modelyard.formats.feature_table import FeatureTable
from modelyard.formats.table_model import ROLE

CHUNK = 1024


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

    transform = lookup.transform(spec)
    tables = data.tables()
    fields = [*tables["train"].schema.field(ROLE).type, *(pa.field(name, pa.float64()) for name in more)]
    with progress("imputing", sum(data.splits.values())) as bar:
        for name, table in tables.items():
            rows: list[Any] = []
            for chunk in table.select([ROLE]).to_batches(max_chunksize=CHUNK):
                rows += [row[ROLE] for row in transform.apply(chunk.to_pylist())]
                bar.advance(chunk.num_rows)
            place = table.column_names.index(ROLE)
            tables[name] = table.set_column(place, ROLE, pa.array(rows, pa.struct(fields)))
    return data.rewrite(out, tables, transforms=[*data.transforms, spec])


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
