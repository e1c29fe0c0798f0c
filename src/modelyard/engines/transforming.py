"""Does a transform to some columns of a dataset, split by split; the model that is trained on it does it again.

Knows no transform by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.progress import progress
from modelyard.core.transform import Row, TransformSpec
from modelyard.formats.columns import put

CHUNK = 1024


def transform(
    data: Dataset,
    spec: TransformSpec,
    columns: Sequence[str],
    *,
    out: Path,
    title: str,
    types: Mapping[str, Any] = MappingProxyType({}),
) -> Dataset:
    """Write the data with the transform done and added to those that they have had.

    Args:
        columns: what the transform reads and changes.
        title: of the progress.
        types: column → its Arrow type afterwards, where that is another one.
    """
    apply = lookup.transform(spec).apply
    tables = data.tables()
    with progress(title, sum(data.splits.values())) as bar:
        for name, table in tables.items():
            rows: list[Row] = []
            for chunk in table.select(columns).to_batches(max_chunksize=CHUNK):
                rows += apply(chunk.to_pylist())
                bar.advance(chunk.num_rows)
            tables[name] = _replace(table, rows, columns, types)
    return data.rewrite(out, tables, transforms=[*data.transforms, spec])


def check_text(data: Dataset, role: str, step: str) -> None:
    """See that a role holds text.

    Args:
        step: who asks, for the error.

    Raises:
        InputError: the data do not have it, or it holds no text.
    """
    import pyarrow as pa

    if role not in data.roles:
        raise InputError(f"{step}: roles: the data have no role {role!r}", fix=suggestion(role, data.roles))
    if not pa.types.is_string(data.schema.field(role).type):
        raise InputError(f"{step}: roles: {role!r} holds no text", expected="a column of text")


def _replace(table: Any, rows: Sequence[Row], columns: Sequence[str], types: Mapping[str, Any]) -> Any:
    import pyarrow as pa

    for column in columns:
        kind = types.get(column, table.schema.field(column).type)
        table = put(table, column, pa.array([row[column] for row in rows], kind))
    return table
