"""``balance undersample``: rows of large classes are left out of the training split.

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
def undersample(
    data: Dataset, *, out: Path, ratio: Annotated[float, Between(0.0001, 1)] = 1.0, seed: int = 0
) -> Dataset:
    """Leave rows of large classes out until the classes are of one size.

    Training is faster by what is left out, and knows that much less: take it where rows abound.

    Args:
        data: with a label.
        ratio: how large the smallest class is to be at least, as a share of each other one.
        seed: chooses the rows that stay.

    Raises:
        InputError: no training split, or no label.
    """
    rows = class_balance.undersample(training_classes(data), ratio, seed)
    return data.with_training_rows(out, {TRAINING: data.table(TRAINING).take(rows)}, "balance undersample")
