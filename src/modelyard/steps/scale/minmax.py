"""``scale minmax``: numbers come to the range from 0 to 1."""

from __future__ import annotations

from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.step import step
from modelyard.methods import scaling
from modelyard.steps.scale._scaling import scale


@step(needs="features")
def minmax(data: Dataset, *, out: Path) -> Dataset:
    """Scale numbers to the range from 0 to 1.

    Smallest and largest are those of the training rows; other rows may lie outside. One number that is far out squeezes
    all others together. Learned on the split train and done by the
    model itself: the rows stay in their own units.

    Args:
        data: rows of a table.

    Raises:
        InputError: no table, or a column without any value.
    """
    return scale(data, out, scaling.minmax)
