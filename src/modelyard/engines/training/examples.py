"""Rows of a dataset made ready for training: transformed, encoded and checked before any work begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import apply_transforms
from modelyard.core.runtime import Arrays
from modelyard.core.task import Encoded, Task
from modelyard.core.transform import Row, TransformSpec, pending_transforms


@dataclass(frozen=True)
class Examples:
    """Encoded rows, and a weight for each where the dataset has the role ``weight``."""

    task: Task
    processor: Any
    encoded: Sequence[Encoded]
    weights: np.ndarray | None

    def __len__(self) -> int:
        return len(self.encoded)

    @property
    def lengths(self) -> list[int]:
        """Size of the largest array of each row."""
        return [max(np.size(array) for array in row.values()) for row in self.encoded]

    def batch(self, positions: np.ndarray) -> tuple[Arrays, np.ndarray | None]:
        """The rows at these positions as collated arrays, and their weights."""
        arrays = self.task.collate(self.processor, [self.encoded[position] for position in positions])
        return arrays, None if self.weights is None else self.weights[positions]


def read_examples(model: Model, data: Dataset, split: str, *, task: Task, processor: Any) -> Examples:
    """Encode a split as the model's task sees it.

    Raises:
        InputError: the split is missing or empty, a value is missing, or the classes are not the model's.
    """
    check_labels(model, data, task)
    rows = apply_transforms(pending_transforms(learned_transforms(model, data), data.transforms), data.rows(split))
    if not rows:
        raise InputError(
            f"the split {split!r} has no rows", expected="at least one row", fix="give it a larger share under split:"
        )
    _check_values(rows, split, task)
    weights = None
    if "weight" in data.roles:
        weights = np.asarray(data.column(split, "weight"), dtype=np.float32)
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise InputError(f"a weight in {split!r} is missing or negative", expected="numbers of 0 or more")
    return Examples(task, processor, task.encode(processor, rows), weights)


def learned_transforms(model: Model, data: Dataset) -> tuple[TransformSpec, ...]:
    """Transforms of a model trained on these data: its own, or where it has none yet, those of the data."""
    return model.transforms or data.transforms


def check_labels(model: Model, data: Dataset, task: Task) -> None:
    """Raise InputError unless data and model have the same classes (their order may differ)."""
    if "labels" in task.abilities and set(data.labels) != set(model.labels):
        raise InputError(
            f"the data have the classes {', '.join(data.labels) or 'none'}",
            expected=f"those of the model: {', '.join(model.labels)}",
            fix="adopt the base model with the classes of these data",
        )


def _check_values(rows: Sequence[Row], split: str, task: Task) -> None:
    needed = [*task.inputs, *([task.target] if task.target else [])]
    for number, row in enumerate(rows):
        for role in needed:
            if row.get(role) is None:
                raise InputError(f"row {number} of {split!r} has no {role!r}", expected=f"{', '.join(needed)}")
