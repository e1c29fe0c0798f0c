"""Rows on which the ranges of activations are observed: drawn from a split, encoded as the model's task does.

Knows no task and no runtime by name.
"""

from __future__ import annotations

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import apply_transforms
from modelyard.core.runtime import Arrays
from modelyard.core.transform import pending_transforms


def calibration_arrays(model: Model, data: Dataset, *, split: str, rows: int, seed: int) -> list[Arrays]:
    """Inputs of the network, one row each, so that no padding is taken for an activation.

    Args:
        rows: how many are drawn, without putting back; all of them where the split has fewer.

    Raises:
        InputError: the split is missing or empty, or a row lacks a value that the task needs.
    """
    task = lookup.task(model.task)
    found = apply_transforms(pending_transforms(model.transforms, data.transforms), data.rows(split))
    if not found:
        raise InputError(
            f"the split {split!r} has no rows", expected="rows to calibrate on", fix="choose another split"
        )
    chosen = np.random.default_rng(seed).permutation(len(found))[:rows]
    processor = task.processor(model)
    inputs = [{role: found[number].get(role) for role in task.inputs} for number in sorted(chosen)]
    for number, row in zip(sorted(chosen), inputs, strict=True):
        for role, value in row.items():
            if value is None:
                raise InputError(f"row {number} of {split!r} has no {role!r}", expected=", ".join(task.inputs))
    return [task.collate(processor, [row]) for row in task.encode(processor, inputs)]
