"""``scale standard``: numbers come to mean 0 and standard deviation 1."""

from __future__ import annotations

from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.step import step
from modelyard.methods import scaling
from modelyard.steps.scale._scaling import scale


@step(needs="features")
def standard(data: Dataset, *, out: Path) -> Dataset:
    """Scale numbers to mean 0 and standard deviation 1.

    This is what models over tables do unless told otherwise. Learned on the split train and done by the
    model itself: the rows stay in their own units.

    Args:
        data: rows of a table.

    Raises:
        InputError: no table, or a column without any value.
    """
    return scale(data, out, scaling.standard)
