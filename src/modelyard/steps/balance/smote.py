"""``balance smote``: small classes get new rows, between two of their rows that are near to each other.

Knows tables only, and no model; the other splits keep the proportions of the real world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.errors import InputError
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.formats import feature_table
from modelyard.formats.columns import put
from modelyard.formats.feature_table import FeatureTable
from modelyard.formats.table_model import ROLE
from modelyard.methods import smote as method
from modelyard.methods.feature_codes import deviation
from modelyard.steps.balance._classes import training_classes

INSTEAD = "smote goes between numbers: for texts and images take balance oversample, and augment to vary the copies"


@step(needs="labels features")
def smote(
    data: Dataset,
    *,
    out: Path,
    ratio: Annotated[float, Between(0, 1)] = 1.0,
    neighbours: Annotated[int, Between(1, 1000)] = 5,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Dataset:
    """Make new rows of small classes, between two of their rows that are near to each other.

    Chawla et al. 2002: a new row lies on the line from a row to one of its nearest of the same class, by standardized
    columns; its categories are those that are most frequent among the neighbours. Whole numbers become fractions. A
    new row keeps the number of the row that it starts from, and its weight.

    Args:
        data: rows of a table with a label, without gaps.
        ratio: how large each class is to be at least, as a share of the largest.
        neighbours: of how many nearest rows one is drawn to go towards.
        seed: draws rows, neighbours, and how far to go.

    Raises:
        InputError: no table, no training split, no label, gaps, or a class with a single row.
    """
    import pyarrow as pa

    feature_table.check_features(data.roles, instead=INSTEAD)
    classes = training_classes(data)
    table = data.table(TRAINING)
    known = feature_table.read(table)
    _check(known, classes, data.labels)
    names, counts = np.unique(classes, return_counts=True)
    target = int(np.ceil(ratio * counts.max()))
    wanted = {int(name): target - int(count) for name, count in zip(names, counts, strict=True) if count < target}
    scale = np.array([deviation(column) for column in known.numbers.T])
    codes, spellings = _codes(known.categories, len(known.numbers))
    tables = [table]
    for name, count in wanted.items():
        rows = np.flatnonzero(classes == name)
        made = method.synthesize(
            known.numbers[rows] / scale, codes[rows], count, neighbours=neighbours, seed=[seed, name]
        )
        features = replace(known, numbers=made.numbers * scale, categories=_spelled(made.categories, spellings))
        tables.append(put(table.take(rows[made.base]), ROLE, features.to_arrow()))
    return data.with_training_rows(out, {TRAINING: pa.concat_tables(tables)}, "balance smote")


def _check(known: FeatureTable, classes: np.ndarray, labels: Sequence[str]) -> None:
    for name, missing in known.gaps().items():
        raise InputError(
            f"balance smote: the feature {name!r} has no value in {missing} rows of train",
            expected="rows without gaps",
            fix="put an impute step before it",
        )
    for name, count in zip(*np.unique(classes, return_counts=True), strict=True):
        if count == 1:
            raise InputError(
                f"balance smote: the class {labels[name]!r} has one row in train",
                expected="two rows to go between",
                fix="take balance oversample or balance weights",
            )


def _codes(categories: Mapping[str, Sequence[str | None]], rows: int) -> tuple[np.ndarray, dict[str, list[str]]]:
    """(rows, columns) numbers of categories, and their spellings in that order."""
    spellings = {name: sorted(map(str, set(values))) for name, values in categories.items()}
    places = {name: {value: place for place, value in enumerate(known)} for name, known in spellings.items()}
    columns = [[places[name][str(value)] for value in values] for name, values in categories.items()]
    return np.array(columns, dtype=np.int64).reshape(len(columns), rows).T, spellings


def _spelled(codes: np.ndarray, spellings: Mapping[str, Sequence[str]]) -> dict[str, list[str | None]]:
    """The way back: column → categories."""
    return {
        name: [spelling[code] for code in column]
        for (name, spelling), column in zip(spellings.items(), codes.T.tolist(), strict=True)
    }
