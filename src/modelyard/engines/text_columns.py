"""Does a transform to the texts of a dataset, split by split; the model that is trained on it does it again.

Knows no transform by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.progress import progress
from modelyard.core.transform import Row, TransformSpec

CHUNK = 1024


def transform(data: Dataset, spec: TransformSpec, roles: Sequence[str], *, out: Path, title: str) -> Dataset:
    """Write the data with the transform done and added to those that they have had.

    Args:
        roles: columns of text that the transform changes.
        title: of the progress, and of what an error speaks of.

    Raises:
        InputError: a role that the data do not have, or that holds no text.
    """
    tables = data.tables()
    for role in roles:
        _check_text(role, data, next(iter(tables.values())), title)
    apply = lookup.transform(spec).apply
    changed = {}
    with progress(title, sum(data.splits.values())) as bar:
        for name, table in tables.items():
            rows: list[Row] = []
            for chunk in table.select(roles).to_batches(max_chunksize=CHUNK):
                rows += apply(chunk.to_pylist())
                bar.advance(chunk.num_rows)
            changed[name] = _replace(table, rows, roles)
    return data.rewrite(out, changed, transforms=[*data.transforms, spec])


def _check_text(role: str, data: Dataset, table: Any, title: str) -> None:
    import pyarrow as pa

    if role not in data.roles:
        raise InputError(f"{title}: roles: the data have no role {role!r}", fix=suggestion(role, data.roles))
    if not pa.types.is_string(table.schema.field(role).type):
        raise InputError(f"{title}: roles: {role!r} holds no text", expected="a column of text")


def _replace(table: Any, rows: Sequence[Row], roles: Sequence[str]) -> Any:
    import pyarrow as pa

    for role in roles:
        place = table.column_names.index(role)
        table = table.set_column(place, role, pa.array([row[role] for row in rows], pa.string()))
    return table
