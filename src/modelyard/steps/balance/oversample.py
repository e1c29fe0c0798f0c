"""``balance oversample``: rows of small classes are repeated in the training split.

Knows no model; the other splits keep the proportions of the real world.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.methods import class_balance
from modelyard.steps.balance._classes import training_classes


@step(needs="labels")
def oversample(data: Dataset, *, out: Path, ratio: Annotated[float, Between(0, 1)] = 1.0, seed: int = 0) -> Dataset:
    """Repeat rows of small classes until the classes are of one size.

    Only the training split grows: it is never measured on, and a repeated row keeps its number.

    Args:
        data: with a label.
        ratio: how large each class is to be at least, as a share of the largest.
        seed: chooses the rows and their order.

    Raises:
        InputError: no training split, or no label.
    """
    rows = class_balance.oversample(training_classes(data), ratio, seed)
    return data.with_training_rows(out, {TRAINING: data.table(TRAINING).take(rows)}, "balance oversample")
