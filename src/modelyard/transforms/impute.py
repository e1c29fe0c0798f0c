"""The transform ``impute``: gaps in a table's columns are filled as it was learned on the training rows.

Knows no table; a row is a mapping. Runs without torch, whatever the method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from modelyard.core.transform import Row
from modelyard.formats.table_model import ROLE, read_features
from modelyard.methods.chained_imputation import ChainedImputer
from modelyard.methods.constant_imputation import ConstantImputer
from modelyard.methods.generated_imputation import GeneratedImputer
from modelyard.methods.nearest_imputation import NearestImputer

LARGEST = float(np.finfo(np.float32).max)


class Imputer(Protocol):
    """Fills an array."""

    def fill(self, values: np.ndarray) -> np.ndarray:
        """(rows, columns) with NaN for gaps; the same without gaps."""
        ...


IMPUTERS: Mapping[str, Any] = {
    "constant": ConstantImputer,
    "nearest": NearestImputer,
    "chained": ChainedImputer,
    "generated": GeneratedImputer,
}


class Impute:
    """Fills what is missing or null; everything else stays as it is.

    Args:
        imputer: which of :data:`IMPUTERS` fills numbers.
        fitted: what that one learned.
        numbers: columns of numbers, in the order of what it learned.
        categories: column of categories → the one that stands for a gap.
    """

    def __init__(
        self, *, imputer: str, fitted: Mapping[str, Any], numbers: Sequence[str], categories: Mapping[str, str]
    ) -> None:
        self.imputer: Imputer | None = IMPUTERS[imputer](**fitted) if numbers else None
        self.numbers, self.categories = tuple(numbers), categories
        self.fills = frozenset([*numbers, *categories])
        self.adds: tuple[str, ...] = ()

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        features = [dict(read_features(row[ROLE], number)) for number, row in enumerate(rows)]
        lacking = [found for found in features if any(found.get(name) is None for name in self.fills)]
        if self.imputer is not None and lacking:
            values = np.array([[_number(found.get(name)) for name in self.numbers] for found in lacking])
            for found, filled in zip(lacking, self.imputer.fill(values).tolist(), strict=True):
                gaps = {
                    name: value for name, value in zip(self.numbers, filled, strict=True) if found.get(name) is None
                }
                found.update(gaps)
        for found in lacking:
            found.update({name: most for name, most in self.categories.items() if found.get(name) is None})
        return [{**row, ROLE: found} for row, found in zip(rows, features, strict=True)]


def _number(value: Any) -> float:
    """What is no number, or too large for one, is a gap to the others; the task refuses it where it stands."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LARGEST
    return float(value) if usable else np.nan


TRANSFORM = Impute
