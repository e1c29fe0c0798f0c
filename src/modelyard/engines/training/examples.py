"""Rows of a dataset made ready for training: transformed, encoded and checked before any work begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import apply_transforms
from modelyard.core.runtime import Arrays
from modelyard.core.task import Encoded, Task
from modelyard.core.transform import Row, TransformSpec, pending_transforms

FOCUS = "focus"
"""Role of the focal loss's exponent of each row; classifiers' losses read it in a batch."""


@dataclass(frozen=True)
class Examples:
    """Encoded rows, and a weight for each where the dataset has the role ``weight``.

    ``beside`` holds arrays whose first axis is the rows: what a loss reads in a batch and no network takes, such as
    a teacher's answers.
    """

    task: Task
    processor: Any
    encoded: Sequence[Encoded]
    weights: np.ndarray | None
    beside: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.encoded)

    @property
    def lengths(self) -> list[int]:
        """Size of the largest array of each row."""
        return [max(np.size(array) for array in row.values()) for row in self.encoded]

    def batch(self, positions: np.ndarray) -> tuple[Arrays, np.ndarray | None]:
        """The rows at these positions as collated arrays with what stands beside them, and their weights."""
        beside = {name: array[positions] for name, array in self.beside.items()}
        return {**self._collate(positions), **beside}, None if self.weights is None else self.weights[positions]

    def inputs(self, positions: np.ndarray) -> Arrays:
        """What a network takes for the rows at these positions."""
        return {name: array for name, array in self._collate(positions).items() if name != "labels"}

    def with_copies(self, places: Sequence[int], encoded: Sequence[Encoded]) -> Examples:
        """These rows, and behind them changed ones that weigh as much as the rows at those places, and have the same
        beside them."""

        def longer(array: np.ndarray) -> np.ndarray:
            return np.concatenate([array, array[list(places)]])

        return replace(
            self,
            encoded=[*self.encoded, *encoded],
            weights=None if self.weights is None else longer(self.weights),
            beside={name: longer(array) for name, array in self.beside.items()},
        )

    def _collate(self, positions: np.ndarray) -> Arrays:
        return self.task.collate(self.processor, [self.encoded[position] for position in positions])


def read_examples(model: Model, data: Dataset, split: str, *, task: Task, processor: Any) -> Examples:
    """Encode a split as the model's task sees it, without the rows that weigh nothing.

    Raises:
        InputError: the split is missing or empty, a value is missing, or the classes are not the model's.
    """
    check_labels(model, data, task)
    rows = apply_transforms(pending_transforms(learned_transforms(model, data), data.transforms), data.rows(split))
    weights = read_weights(data, split)
    counted = counted_places(weights, len(rows))
    rows = [rows[place] for place in counted.tolist()]
    check_rows(rows, split, [*task.inputs, *([task.target] if task.target else [])])
    focus = read_focus(data, split)
    return Examples(
        task,
        processor,
        task.encode(processor, rows),
        None if weights is None else weights[counted],
        {} if focus is None else {FOCUS: focus[counted]},
    )


def read_both(
    model: Model, data: Dataset, *, task: Task, processor: Any, validate: bool = True
) -> tuple[Examples, Examples | None]:
    """The split ``train``, and the split ``validation`` where there is one and it is wanted.

    Raises:
        InputError: as :func:`read_examples`.
    """
    train = read_examples(model, data, "train", task=task, processor=processor)
    if not validate or not data.splits.get("validation"):
        return train, None
    return train, read_examples(model, data, "validation", task=task, processor=processor)


def read_weights(data: Dataset, split: str) -> np.ndarray | None:
    """The role ``weight`` of each row; None where the data have no such role.

    Raises:
        InputError: a weight is missing or negative.
    """
    if "weight" not in data.roles:
        return None
    weights = np.asarray(data.column(split, "weight"), dtype=np.float32)
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise InputError(f"a weight in {split!r} is missing or negative", expected="numbers of 0 or more")
    return weights


def read_focus(data: Dataset, split: str) -> np.ndarray | None:
    """The role ``focus`` of each row; None where the data have no such role."""
    return np.asarray(data.column(split, FOCUS), dtype=np.float32) if FOCUS in data.roles else None


def counted_places(weights: np.ndarray | None, count: int) -> np.ndarray:
    """Places of those of ``count`` rows that weigh something: what is learned from."""
    return np.arange(count) if weights is None else np.flatnonzero(weights)


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


def check_rows(rows: Sequence[Row], split: str, needed: Sequence[str]) -> None:
    """Raise InputError unless there are rows and each has a value for every needed role."""
    if not rows:
        raise InputError(
            f"the split {split!r} has no rows", expected="at least one row", fix="give it a larger share under split:"
        )
    for number, row in enumerate(rows):
        for role in needed:
            if row.get(role) is None:
                raise InputError(f"row {number} of {split!r} has no {role!r}", expected=f"{', '.join(needed)}")
