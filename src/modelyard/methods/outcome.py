"""What a classifier answered on one split, row by row, and how that rests in a report's table of rows.

Knows no scores.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from modelyard.core.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

_LABELS = b"labels"


@dataclass(frozen=True)
class Outcome:
    """Truth and answer of n rows.

    Attributes:
        labels: class names, k of them.
        targets: right class of each row, int [n].
        probabilities: [n, k].
        rows: row numbers in the source, int64 [n].
    """

    labels: tuple[str, ...]
    targets: np.ndarray
    probabilities: np.ndarray
    rows: np.ndarray

    @property
    def n(self) -> int:
        return len(self.targets)

    @cached_property
    def predictions(self) -> np.ndarray:
        """Most probable class of each row, int [n]."""
        return np.asarray(self.probabilities.argmax(axis=1))

    @cached_property
    def score(self) -> np.ndarray:
        """Probability of that class [n]."""
        return np.asarray(self.probabilities[np.arange(self.n), self.predictions])

    @cached_property
    def right(self) -> np.ndarray:
        """Whether it was the right one, bool [n]."""
        return np.asarray(self.predictions == self.targets)

    @property
    def kinds(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Distinct pairs of target and prediction [c] each, how often each occurs [c], and k."""
        pairs, counts = np.unique(np.stack([self.targets, self.predictions]), axis=1, return_counts=True)
        return pairs[0], pairs[1], counts, len(self.labels)

    @property
    def ranked(self) -> range:
        """Classes that are ranked against the rest: the positive one of two, otherwise all."""
        return range(1, 2) if len(self.labels) == 2 else range(len(self.labels))

    def table(self) -> pa.Table:
        """``row``, ``label``, ``predicted``, ``score`` and ``probabilities`` (in the order of the labels)."""
        import pyarrow as pa

        names = np.array(self.labels, dtype=object)
        columns = {
            "row": pa.array(self.rows, pa.int64()),
            "label": pa.array(names[self.targets], pa.string()),
            "predicted": pa.array(names[self.predictions], pa.string()),
            "score": pa.array(self.score, pa.float64()),
            "probabilities": pa.array(list(self.probabilities), pa.list_(pa.float64())),
        }
        return pa.table(columns).replace_schema_metadata({_LABELS: json.dumps(self.labels)})

    @staticmethod
    def from_table(table: pa.Table | None) -> Outcome:
        """Read back what :meth:`table` wrote, sorted by row.

        Raises:
            InputError: it is not such a table.
        """
        metadata: dict[bytes, bytes] = (table.schema.metadata or {}) if table is not None else {}
        if table is None or _LABELS not in metadata:
            raise InputError(
                "the report holds no classified rows", expected="the report of an evaluation of a classifier"
            )
        labels = tuple(json.loads(metadata[_LABELS]))
        table = table.sort_by("row")
        index = {label: number for number, label in enumerate(labels)}
        targets = [index[label] for label in table.column("label").to_pylist()]
        probabilities = np.array(table.column("probabilities").to_pylist(), dtype=np.float64)
        return Outcome(
            labels,
            np.array(targets, dtype=np.int64),
            probabilities.reshape(len(targets), len(labels)),
            table.column("row").to_numpy(),
        )
