"""The training rows' classes as numbers, which is all that balancing needs to know."""

from __future__ import annotations

import numpy as np

from modelyard.core.dataset import TRAINING, Dataset
from modelyard.core.errors import InputError
from modelyard.methods.class_balance import Integers


def training_classes(data: Dataset) -> Integers:
    """Class number of each training row.

    Raises:
        InputError: there is no training split, or no label.
    """
    if "label" not in data.roles:
        raise InputError(
            "the data have no label",
            expected=f"a role 'label' among {', '.join(data.roles)}",
            fix="name its column under data: columns: label:",
        )
    numbers = {name: number for number, name in enumerate(data.labels)}
    return np.array([numbers[label] for label in data.column(TRAINING, "label")], dtype=np.int64)
