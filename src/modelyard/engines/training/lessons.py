"""The rows that a student learns from: labelled ones, those that nobody has labelled, and changed copies of texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import apply_transforms
from modelyard.core.runtime import Arrays
from modelyard.core.transform import Row, pending_transforms
from modelyard.engines.training.examples import (
    FOCUS,
    Examples,
    check_labels,
    check_rows,
    learned_transforms,
    read_focus,
    read_weights,
)
from modelyard.methods import word_noise

UNLABELLED = "unlabelled"
"""Name of the split whose rows have no label."""
NO_LABEL = -1
"""Class number of a row that has no label."""


@dataclass(frozen=True)
class Lessons:
    """Rows as the dataset holds them, without their labels.

    Attributes:
        rows: inputs by role.
        labels: (rows,) class numbers in the order of the model's classes, :data:`NO_LABEL` where there is none.
        weights: (rows,) or None for equal ones.
        focus: (rows,) exponents of the focal loss of the labels, or None for the plain one.
    """

    rows: Sequence[Row]
    labels: np.ndarray
    weights: np.ndarray | None
    focus: np.ndarray | None = None

    def examples(self, model: Model, data: Dataset, beside: Arrays) -> Examples:
        """The rows as ``model`` reads them; ``beside`` and the labels go along."""
        task = lookup.task(model.task)
        processor = task.processor(model)
        rows = apply_transforms(pending_transforms(learned_transforms(model, data), data.transforms), self.rows)
        beside = {"labels": self.labels, **({} if self.focus is None else {FOCUS: self.focus}), **beside}
        return Examples(task, processor, task.encode(processor, rows), self.weights, beside)


def read_lessons(model: Model, data: Dataset, split: str) -> Lessons:
    """The rows of a split; one without a label stays.

    Raises:
        InputError: the split is missing or empty, an input is missing, or the classes are not the model's.
    """
    task = lookup.task(model.task)
    check_labels(model, data, task)
    rows = data.rows(split)
    check_rows(rows, split, task.inputs)
    numbers = {label: number for number, label in enumerate(model.labels)}
    labels = [NO_LABEL if row.get(task.target or "") is None else numbers[str(row[task.target or ""])] for row in rows]
    inputs = [{role: row[role] for role in task.inputs} for row in rows]
    return Lessons(inputs, np.array(labels, dtype=np.int64), read_weights(data, split), read_focus(data, split))


def with_copies(lessons: Lessons, copies: int, *, seed: int) -> Lessons:
    """The same rows, and after them changed copies of their texts, which nobody has labelled.

    Raises:
        InputError: the rows are no texts.
    """
    if copies and not all(isinstance(row.get("text"), str) for row in lessons.rows):
        raise InputError(f"copies: {copies}", expected="copies: 0 for rows without a text")
    parts = [lessons]
    for copy in range(copies):
        texts = word_noise.corrupt([str(row["text"]) for row in lessons.rows], seed=(seed, copy))
        rows = [{**row, "text": text} for row, text in zip(lessons.rows, texts, strict=True)]
        # Without a label there is nothing for the focus to bear on, whatever stands there.
        parts.append(replace(lessons, rows=rows, labels=np.full(len(rows), NO_LABEL, dtype=np.int64)))
    return join(parts)


def join(parts: Sequence[Lessons]) -> Lessons:
    """All rows one after the other."""
    weights = [part.weights for part in parts if part.weights is not None]
    focus = [part.focus for part in parts if part.focus is not None]
    return Lessons(
        [row for part in parts for row in part.rows],
        np.concatenate([part.labels for part in parts]),
        np.concatenate(weights) if weights else None,
        np.concatenate(focus) if focus else None,
    )
