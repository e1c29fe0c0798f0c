"""What an attacker may do to the numbers that a network takes, in the units that a budget is counted in.

Knows arrays, no rows; the task says what its arrays mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class InputSpace:
    """One array of a network as values that a budget can be counted in: ``array = offset + unit * values``.

    All arrays have the shape of one row's, or one that broadcasts to it.

    Attributes:
        name: of the array among the network's inputs.
        offset: array of a row whose values are all zero.
        unit: what one unit of a value makes of the array.
        low: least value; minus infinity where only the rows to learn from can tell.
        high: greatest value, likewise.
        free: bool; values that may be changed at all.
        grid: distance between values that can occur, or 0 where any can.
        measured_in: the unit of the values, in words.
        names: of the values, where a person has names for them.
    """

    name: str
    offset: np.ndarray
    unit: np.ndarray
    low: np.ndarray
    high: np.ndarray
    free: np.ndarray
    grid: float
    measured_in: str
    names: Sequence[str] = ()

    def values(self, array: np.ndarray) -> np.ndarray:
        """Rows of the network's array as values, float32."""
        return np.asarray((array - self.offset) / self.unit, dtype=np.float32)

    def array(self, values: np.ndarray) -> np.ndarray:
        """The way back: what the network takes, float32."""
        return np.asarray(self.offset + self.unit * values, dtype=np.float32)
