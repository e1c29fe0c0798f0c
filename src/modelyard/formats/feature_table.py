"""The role ``features`` as an array of numbers and lists of categories, for steps that reckon with columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.errors import InputError
from modelyard.formats.table_model import ROLE


@dataclass(frozen=True)
class FeatureTable:
    """Rows by column.

    Attributes:
        names: columns of numbers, in their order.
        numbers: (rows, columns) of those; NaN for a gap.
        categories: column of categories → values; None for a gap.
        arrow_type: of the role.
    """

    names: tuple[str, ...]
    numbers: np.ndarray
    categories: Mapping[str, list[str | None]]
    arrow_type: Any

    def gaps(self) -> dict[str, int]:
        """Column → missing values, for those that have some."""
        counts = dict(zip(self.names, np.isnan(self.numbers).sum(axis=0).tolist(), strict=True))
        counts |= {name: values.count(None) for name, values in self.categories.items()}
        return {name: count for name, count in counts.items() if count}

    def to_arrow(self) -> Any:
        """The column as it is stored."""
        import pyarrow as pa

        columns = dict(zip(self.names, self.numbers.T, strict=True)) | dict(self.categories)
        arrays = [
            pa.array(columns[field.name], field.type, from_pandas=field.name in self.names) for field in self.arrow_type
        ]
        return pa.StructArray.from_arrays(arrays, fields=list(self.arrow_type))


def read(table: Any) -> FeatureTable:
    """The features of an Arrow table."""
    import pyarrow as pa

    column = table.column(ROLE).combine_chunks()
    fields = {field.name: column.field(place) for place, field in enumerate(column.type)}
    names = tuple(field.name for field in column.type if pa.types.is_floating(field.type))
    numbers = [np.asarray(fields[name].to_numpy(zero_copy_only=False), dtype=np.float64) for name in names]
    return FeatureTable(
        names,
        np.stack(numbers, axis=1) if numbers else np.empty((len(column), 0)),
        {name: values.to_pylist() for name, values in fields.items() if name not in names},
        column.type,
    )


def read_training(data: Dataset) -> FeatureTable:
    """The features of the rows to learn from.

    Raises:
        InputError: the data have none, or there are no such rows.
    """
    check_features(data.roles)
    return read(data.table(TRAINING))


def check_features(roles: Sequence[str], *, instead: str = "") -> None:
    """Raise InputError unless the role is among the data's.

    Args:
        instead: what to do with data that have none.
    """
    if ROLE not in roles:
        raise InputError(
            f"the data have no features, but {', '.join(roles)}",
            expected="rows of a table",
            fix=instead or 'columns: {features: "*"} takes all other columns as features',
        )
