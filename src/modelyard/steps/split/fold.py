"""``split fold``: one fold of a cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.methods import splitting
from modelyard.steps.split._rows import GROUP, classes, numbered


@step
def fold(
    data: Dataset,
    *,
    out: Path,
    folds: Annotated[int, Between(2, 1000)] = 5,
    number: Annotated[int, Between(1, 1000)] = 1,
    splits: list[str] | None = None,
    validation: Annotated[float, Between(0.0, 0.9)] | None = None,
    seed: int = 0,
) -> Dataset:
    """Split rows anew: one of several equal parts becomes the split test, the others train and validation.

    The parts hold the same share of every class; rows of one ``group`` stay together. The same seed gives the same
    parts, so that over all numbers every row is tested once. ``modelyard crossvalidate`` does a recipe on each.

    Args:
        data: the dataset.
        folds: number of parts.
        number: which part is tested, from 1.
        splits: whose rows are divided. Left out, train and validation: the rows of the old test split are left alone,
            and are not in the result.
        validation: share of the other parts that becomes the split validation. Left out, as many as it is of train and
            validation now.
        seed: of the parts.
    """
    import pyarrow as pa

    if number > folds:
        raise InputError(f"number: {number}", expected=f"from 1 to {folds}, the number of folds")
    chosen = splits or [name for name in ("train", "validation") if name in data.splits]
    table = pa.concat_tables([data.table(name) for name in chosen])
    if table.num_rows < folds:
        raise InputError(f"{table.num_rows} rows in {folds} folds", expected="a row or more in each")
    part = _divide(table, [1 / folds] * folds, seed)
    tested, others = table.take(np.flatnonzero(part == number - 1)), table.take(np.flatnonzero(part != number - 1))
    share = _validation_share(data) if validation is None else validation
    held = _divide(others, [1 - share, share], seed) == 1
    tables = {"train": others.take(np.flatnonzero(~held)), "validation": others.take(np.flatnonzero(held))}
    kept = {name: data.table(name) for name in data.splits if name not in ("train", "validation", "test")}
    return data.rewrite(out, {**tables, "test": tested, **kept})


def _divide(table: object, fractions: list[float], seed: int) -> np.ndarray:
    groups = numbered(table, GROUP)
    if groups is not None:
        return splitting.stratified_groups(classes(table), groups, fractions, seed)
    return splitting.stratified(classes(table), fractions, seed)


def _validation_share(data: Dataset) -> float:
    train, validation = data.splits.get("train", 0), data.splits.get("validation", 0)
    return validation / max(1, train + validation)
