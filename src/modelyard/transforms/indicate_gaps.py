"""The transform ``indicate-gaps``: beside a column that had gaps in training stands another that says where they are.

Knows no table; a row is a mapping.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.transform import Row
from modelyard.formats.table_model import ROLE, read_features


class IndicateGaps:
    """Adds to each column ``age`` the number ``age_missing``: 1 where there is no value, 0 elsewhere.

    Args:
        columns: what is watched.
    """

    def __init__(self, *, columns: Sequence[str]) -> None:
        self.columns = tuple(columns)
        self.fills: frozenset[str] = frozenset()
        self.adds = tuple(map(added, columns))

    def apply(self, rows: Sequence[Row]) -> list[Row]:
        found: list[Row] = []
        for number, row in enumerate(rows):
            features = read_features(row[ROLE], number)
            marks = {added(name): float(features.get(name) is None) for name in self.columns}
            # What comes last counts: a row that was marked before it was filled keeps its marks.
            found.append({**row, ROLE: {**marks, **features}})
        return found


def added(column: str) -> str:
    """Name of the column that says where this one has gaps."""
    return f"{column}_missing"


TRANSFORM = IndicateGaps
