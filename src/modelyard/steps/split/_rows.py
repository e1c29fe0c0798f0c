"""What the splits share: the class of each row, by which they are stratified."""

from __future__ import annotations

from typing import Any

import numpy as np

LABEL, GROUP = "label", "group"


def numbered(table: Any, role: str) -> np.ndarray | None:
    """Number of each row's value of a role; None where the table has no such role."""
    if role not in table.column_names:
        return None
    values = [str(value) for value in table.column(role).to_pylist()]
    return np.asarray(np.unique(values, return_inverse=True)[1]).astype(np.int64)


def classes(table: Any) -> np.ndarray:
    """Number of each row's class; all zero where rows have none."""
    found = numbered(table, LABEL)
    return np.zeros(table.num_rows, dtype=np.int64) if found is None else found
