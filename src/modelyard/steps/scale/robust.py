"""``scale robust``: numbers come to median 0 and interquartile range 1."""

from __future__ import annotations

from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.step import step
from modelyard.methods import scaling
from modelyard.steps.scale._scaling import scale


@step(needs="features")
def robust(data: Dataset, *, out: Path) -> Dataset:
    """Scale numbers to median 0 and interquartile range 1.

    A few numbers that are far out change neither. Learned on the split train and done by the
    model itself: the rows stay in their own units.

    Args:
        data: rows of a table.

    Raises:
        InputError: no table, or a column without any value.
    """
    return scale(data, out, scaling.robust)
