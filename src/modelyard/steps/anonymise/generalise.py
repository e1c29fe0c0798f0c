"""Makes people in a table look alike. The transform ``mask`` does the work and travels with the model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between, plain
from modelyard.core.step import step
from modelyard.core.transform import TransformSpec
from modelyard.formats.columns import changeable
from modelyard.methods import anonymity
from modelyard.steps.anonymise._columns import read


@step
def generalise(
    data: Dataset,
    *,
    out: Path,
    columns: Sequence[str],
    k: Annotated[int, Between(2)] = 5,
    sensitive: str | None = None,
    l: Annotated[int, Between(1)] = 1,  # noqa: E741
    suppress: Annotated[float, Between(0, 0.5)] = 0.01,
) -> Dataset:
    """Make columns coarser until every combination of them occurs in k rows or more.

    Numbers become the middle of ever wider bands, text loses characters at its end; the column with the most distinct
    values gets coarser first (Datafly, Sweeney 1997). Groups are formed over all splits. Rows that stay too rare are
    left out. The model that is trained on the data makes what it is asked coarser in the same way.

    k-anonymity hides who somebody is in this table from those who know these columns only. It is no protection
    against who knows more, and what differential privacy promises it does not.

    Args:
        data: a table.
        columns: quasi-identifiers: what somebody may know of a person, such as age, sex and postcode.
        k: rows that must look alike.
        sensitive: what nobody is to learn, such as the illness.
        l: different sensitive values that every group must have.
        suppress: share of the rows that may be left out.

    Raises:
        InputError: a column that the data do not have, or k cannot be reached.
    """
    if l > 1 and sensitive is None:
        raise InputError(f"anonymise: l: {l}, but no sensitive column", fix="say sensitive: COLUMN")
    for name in columns:
        changeable(data, name, "anonymise")
    values, secret = read(data, columns, sensitive)
    found = anonymity.generalise(values, k, sensitive=secret, diversity=l, most_left_over=suppress)
    if found is None:
        raise InputError(
            f"anonymise: k: {k} cannot be reached with these columns",
            expected="fewer or larger demands",
            fix="raise suppress, lower k or l, or mask a column: mask: {columns: {NAME: redact}}",
        )
    masks = {name: plain(how) for name, how in sorted(found.masks.items())}
    specs = [TransformSpec("mask", {"columns": masks})] if masks else []
    left_over, tables, start = set(found.left_over), data.tables(), 0
    for split, table in tables.items():
        kept = [place for place in range(table.num_rows) if start + place not in left_over]
        start += table.num_rows
        if not kept:
            raise InputError(f"anonymise: no row of {split} is left", fix="lower k, or give more rows")
        tables[split] = _coarse(table.take(kept), specs)
    return data.rewrite(out, tables, transforms=[*data.transforms, *specs])


def _coarse(table: Any, specs: Sequence[TransformSpec]) -> Any:
    import pyarrow as pa

    rows: list[Any] = table.to_pylist()
    for spec in specs:
        rows = lookup.transform(spec).apply(rows)
    # A band's middle is no whole number.
    fields = [
        pa.field(field.name, pa.float64())
        if field.name in specs[0].options["columns"] and pa.types.is_integer(field.type)
        else field
        for field in (table.schema if specs else [])
    ]
    return pa.Table.from_pylist(rows, schema=pa.schema(fields)) if specs else table
