"""Columns of a table as numbers for a network: standardized numbers, and one place a category.

Fitted on the rows that are learned from, and kept with the model: numbers have mean 0 and standard deviation 1 there,
unless they are to be scaled in another way; a category is 1 in its place and 0 in the others. A category that was never
seen is 0 everywhere. A gap is refused, save in a column that had gaps when it was fitted: there a number takes the
mean, and a category is 0 everywhere.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, suggestion

_LARGEST = float(np.finfo(np.float32).max)
_TRUTH = {True: "true", False: "false"}


@dataclass(frozen=True)
class Column:
    """One column and what was fitted to it.

    Attributes:
        mean: what is taken off a column of numbers: their mean, unless they are scaled in another way.
        deviation: what they are divided by: their standard deviation, 1 where they are all alike.
        categories: sorted values of a column of categories; None where it holds numbers.
        gaps: whether a value was missing when it was fitted.
        blank: code of a gap in a column of numbers, which is the code of their mean.
    """

    name: str
    mean: float = 0.0
    deviation: float = 1.0
    categories: tuple[str, ...] | None = None
    gaps: bool = False
    blank: float = 0.0

    @property
    def width(self) -> int:
        """Numbers that it becomes."""
        return 1 if self.categories is None else len(self.categories)

    def to_json(self) -> dict[str, Any]:
        if self.categories is not None:
            return {"name": self.name, "categories": list(self.categories), "gaps": self.gaps}
        numbers = {"mean": self.mean, "deviation": self.deviation, "blank": self.blank}
        return {"name": self.name, **numbers, "gaps": self.gaps}

    @staticmethod
    def from_json(item: Mapping[str, Any]) -> Column:
        categories = item.get("categories")
        return Column(**{**item, "categories": None if categories is None else tuple(categories)})

    def write(self, values: Sequence[Any], codes: np.ndarray) -> None:
        """Put the codes of ``values`` into ``codes`` of shape (rows, width), which is zero.

        Raises:
            InputError: a value that the column cannot take; names column and row.
        """
        for row, value in enumerate(values):
            if value is None:
                self._check_gap(row)
                codes[row, :] = self.blank
            elif self.categories is None:
                codes[row, 0] = self._code(value, row)
            elif (place := self._place(value, row)) is not None:
                codes[row, place] = 1.0

    def _check_gap(self, row: int) -> None:
        if not self.gaps:
            raise InputError(
                f"row {row} has no value for the feature {self.name!r}",
                expected="a number" if self.categories is None else "a category",
                fix="fill it in, or build the model with the step impute, or on data with gaps there (missing: keep)",
            )

    def _code(self, value: Any, row: int) -> float:
        code = math.inf
        if isinstance(value, int | float) and not isinstance(value, bool):
            code = (value - self.mean) / self.deviation if abs(value) < _LARGEST else math.inf
        if not abs(code) < _LARGEST:
            raise InputError(f"row {row}, feature {self.name!r}: {value!r:.60}", expected="a finite number")
        return code

    def _place(self, value: Any, row: int) -> int | None:
        if isinstance(value, bool):
            value = _TRUTH[value]
        elif isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
            value = json.dumps(int(value))
        if not isinstance(value, str):
            raise InputError(
                f"row {row}, feature {self.name!r}: {value!r:.60}", expected="text, the name of a category"
            )
        categories = self.categories or ()
        return categories.index(value.strip()) if value.strip() in categories else None


@dataclass(frozen=True)
class FeatureCodes:
    """All columns in their order."""

    columns: tuple[Column, ...]

    @property
    def width(self) -> int:
        """Numbers that a row becomes."""
        return sum(column.width for column in self.columns)

    @property
    def names(self) -> list[str]:
        """What each of these numbers stands for: ``age``, ``city=Rome``."""
        return [
            name
            for column in self.columns
            for name in (
                [column.name]
                if column.categories is None
                else [f"{column.name}={category}" for category in column.categories]
            )
        ]

    @property
    def owners(self) -> np.ndarray:
        """The number of the column that each of these numbers comes from, int64 [width]."""
        return np.repeat(np.arange(len(self.columns)), [column.width for column in self.columns])

    @property
    def middle(self) -> dict[str, float | str]:
        """The row whose codes are all 0: the mean of numbers, and a category that was never seen."""
        return {column.name: column.mean if column.categories is None else "" for column in self.columns}

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Rows as float32 [n, width].

        Args:
            rows: column → value each.

        Raises:
            InputError: an unknown column, or a value that is missing or of another kind; names column and row.
        """
        known = {column.name for column in self.columns}
        for number, row in enumerate(rows):
            for name in row:
                if name not in known:
                    raise InputError(f"row {number}: unknown feature {name!r:.80}", fix=suggestion(str(name), known))
        codes = np.zeros((len(rows), self.width))
        start = 0
        for column in self.columns:
            column.write([row.get(column.name) for row in rows], codes[:, start : start + column.width])
            start += column.width
        return codes.astype(np.float32)

    def to_json(self) -> list[dict[str, Any]]:
        return [column.to_json() for column in self.columns]

    @staticmethod
    def from_json(items: Sequence[Mapping[str, Any]]) -> FeatureCodes:
        return FeatureCodes(tuple(Column.from_json(item) for item in items))


def fit(
    rows: Sequence[Mapping[str, Any]],
    categorical: Mapping[str, bool],
    scaling: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> FeatureCodes:
    """Fit every column to the rows that are learned from.

    Args:
        rows: column → number, category or None each.
        categorical: column, in order → whether it holds categories.
        scaling: column of numbers → what is taken off it and what it is divided by; others are standardized.

    Raises:
        InputError: a column without any value.
    """
    columns = []
    for name, is_category in categorical.items():
        values = [row[name] for row in rows]
        there = [value for value in values if value is not None]
        gaps = len(there) < len(values)
        if not there:
            raise InputError(f"the feature {name!r} has no value in any row to learn from", fix="leave the column out")
        if is_category:
            columns.append(Column(name, categories=tuple(sorted(set(there))), gaps=gaps))
        else:
            numbers = np.asarray(there, dtype=np.float64)
            mean = float(numbers.mean())
            centre, width = scaling.get(name, (mean, deviation(numbers)))
            columns.append(Column(name, centre, width, gaps=gaps, blank=(mean - centre) / width))
    return FeatureCodes(tuple(columns))


def deviation(numbers: np.ndarray) -> float:
    """Standard deviation, or 1 where the numbers are alike up to rounding."""
    return divisor(float(numbers.std()), numbers)


def divisor(spread: float, numbers: np.ndarray) -> float:
    """The spread of numbers, or 1 where it is that of rounding: dividing by it would turn rounding into a signal."""
    return spread if spread > 1e-12 * max(1.0, float(np.abs(numbers).max())) else 1.0
