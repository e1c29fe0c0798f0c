"""``impute indicator``: that a value is missing becomes a column of its own."""

from __future__ import annotations

from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.step import step
from modelyard.core.transform import TransformSpec
from modelyard.formats import feature_table
from modelyard.steps.impute._filling import transformed


@step(needs="features")
def indicator(data: Dataset, *, out: Path) -> Dataset:
    """Add a column that says where a value is missing, for each column with gaps.

    Gaps often tell something: a value was not measured because nobody thought it needed. Beside ``age`` comes
    ``age_missing``, 1 or 0, for every column that has a gap in the split train. The gaps stay: another impute step
    after this one fills them.

    Args:
        data: rows of a table, loaded with missing: keep.

    Raises:
        InputError: no table, no gap in the training rows, or a column of such a name that is there already.
    """
    known = feature_table.read_training(data)
    order = [field.name for field in known.arrow_type]
    columns = sorted(known.gaps(), key=order.index)
    if not columns:
        raise InputError(
            "impute indicator: nothing is missing in the training rows",
            expected="gaps to mark",
            fix="put it before the step that fills them, load with missing: keep, or leave it out",
        )
    added = [f"{name}_missing" for name in columns]
    for name in added:
        if name in order:
            raise InputError(f"impute indicator: there is a column {name!r} already", fix="leave out one of the two")
    return transformed(data, out, TransformSpec("indicate-gaps", {"columns": columns}), added)
