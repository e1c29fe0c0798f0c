"""What all ways of augmenting share: copies behind the rows that they were made from, in the training split only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.errors import InputError
from modelyard.core.progress import progress
from modelyard.formats.columns import put


def with_copies(
    data: Dataset,
    out: Path,
    change: str,
    copies: int,
    seed: int,
    make: Callable[[Any, np.random.Generator], Any],
    *,
    weighted: bool = False,
) -> Dataset:
    """The data with more rows to learn from. A copy keeps the number of the row that it was made from.

    Args:
        change: name of the step, for the report.
        copies: how often each row is copied.
        make: the Arrow table of the split and a source of chance → a table of new rows of the same columns.
        weighted: give every row of every split a weight first, 1 where it has none.

    Raises:
        InputError: there are no rows to learn from.
    """
    import pyarrow as pa

    tables = {TRAINING: data.table(TRAINING)}
    if weighted and "weight" not in data.roles:
        tables = {
            name: table.append_column("weight", pa.array([1.0] * table.num_rows, pa.float64()))
            for name, table in data.tables().items()
        }
    made = [tables[TRAINING]]
    with progress("augmenting", copies) as bar:
        for copy in range(copies):
            made.append(make(tables[TRAINING], np.random.default_rng([seed, copy])))
            bar.advance()
    return data.with_training_rows(out, {**tables, TRAINING: pa.concat_tables(made)}, change)


def replaced(table: Any, rows: Sequence[int] | np.ndarray, role: str, values: Any) -> Any:
    """Copies of some rows with other values of one role."""
    import pyarrow as pa

    return put(table.take(pa.array(rows, pa.int64())), role, values)


def check_role(data: Dataset, role: str, change: str, instead: str) -> None:
    """Raise InputError unless the data have a role."""
    if role not in data.roles:
        raise InputError(
            f"{change}: the data have no role {role!r}, but {', '.join(data.roles)}",
            expected=f"rows with {role}",
            fix=instead,
        )
