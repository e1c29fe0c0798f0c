"""``balance weights``: rows of small classes weigh more in training.

Knows no loss; a training step multiplies each row's loss by its weight.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.step import step
from modelyard.formats.columns import put
from modelyard.methods import class_balance
from modelyard.steps.balance._classes import training_classes


@step(needs="labels")
def weights(data: Dataset, *, out: Path) -> Dataset:
    """Weight training rows by the inverse frequency of their class.

    A row of class c weighs n / (k · n_c), for n rows and k classes: every class weighs the same in
    sum, the mean is one. Weights that the rows have already are multiplied by it. In the other splits
    every row without a weight gets 1.

    Args:
        data: with a label.

    Raises:
        InputError: no training split, or no label.
    """
    classes = training_classes(data)
    tables = {name: _weighted(table, np.ones(table.num_rows)) for name, table in data.tables().items()}
    tables[TRAINING] = _weighted(tables[TRAINING], class_balance.inverse_frequency(classes))
    return data.rewrite(out, tables)


def _weighted(table: Any, factors: Any) -> Any:
    """The Arrow table with its column ``weight`` multiplied, or added."""
    import pyarrow as pa

    known = table.column("weight").to_numpy() if "weight" in table.column_names else 1.0
    return put(table, "weight", pa.array(known * factors, pa.float64()))
