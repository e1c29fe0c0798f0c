"""``mask``: personal data leaves the texts, here and wherever the model runs.

Knows no pattern; the transform of the same name does the work and travels with the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, suggestion
from modelyard.core.progress import progress
from modelyard.core.step import step
from modelyard.core.transform import Row, TransformSpec
from modelyard.methods.personal_data import KINDS, Kind

CHUNK = 1024


@step
def mask(data: Dataset, *, out: Path, kinds: Sequence[Kind] = KINDS, roles: Sequence[str] = ("text",)) -> Dataset:
    """Replace phone numbers, addresses and identity numbers in texts by marks.

    Patterns and check digits find them, in every split. The model that is trained on the data masks
    what it is asked in the same way. Names and postal addresses are not found.

    Args:
        data: with texts.
        kinds: what to replace; phone by [PHONE], email by [EMAIL], url by [URL], card by [CARD], id
            (of mainland China) by [ID].
        roles: the columns to look in.

    Raises:
        InputError: a role that the data do not have, or that holds no text.
    """
    tables = data.tables()
    for role in roles:
        _check_text(role, data, next(iter(tables.values())))
    roles = sorted(set(roles))
    spec = TransformSpec("mask", {"kinds": [kind for kind in KINDS if kind in kinds], "roles": roles})
    transform = lookup.transform(spec)
    with progress("masking", sum(data.splits.values())) as bar:
        masked = {}
        for name, table in tables.items():
            rows: list[Row] = []
            for chunk in table.select(roles).to_batches(max_chunksize=CHUNK):
                rows += transform.apply(chunk.to_pylist())
                bar.advance(chunk.num_rows)
            masked[name] = _replace(table, rows, roles)
    return data.rewrite(out, masked, transforms=[*data.transforms, spec])


def _check_text(role: str, data: Dataset, table: Any) -> None:
    import pyarrow as pa

    if role not in data.roles:
        raise InputError(f"mask: roles: the data have no role {role!r}", fix=suggestion(role, data.roles))
    if not pa.types.is_string(table.schema.field(role).type):
        raise InputError(f"mask: roles: {role!r} holds no text", expected="a column of text")


def _replace(table: Any, rows: Sequence[Row], roles: Sequence[str]) -> Any:
    import pyarrow as pa

    for role in roles:
        place = table.column_names.index(role)
        table = table.set_column(place, role, pa.array([row[role] for row in rows], pa.string()))
    return table
