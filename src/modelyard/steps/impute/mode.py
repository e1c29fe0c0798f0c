"""``impute mode``: a gap becomes the most frequent number of the column."""

from __future__ import annotations

from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.step import step
from modelyard.methods import constant_imputation
from modelyard.steps.impute._filling import impute


@step(needs="features")
def mode(data: Dataset, *, out: Path) -> Dataset:
    """Fill gaps with the most frequent number of the column.

    It fits columns of few different numbers; of equally frequent ones it is the smallest. Learned on the split train,
    done to every split and to what the model is asked; categories take the most frequent one.

    Args:
        data: rows of a table, loaded with missing: keep.

    Raises:
        InputError: no table, or a column without any value.
    """
    return impute(data, out, "constant", lambda seen: {"fill": constant_imputation.fit(seen, "mode").tolist()})
