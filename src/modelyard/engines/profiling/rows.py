"""A dataset's columns in memory, split by split, as all questions of a profile read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.formats import columns
from modelyard.formats.columns import Kind
from modelyard.methods.personal_data import mask

ASIDE = frozenset({"label", "target", "weight", "group", "id"})
"""Roles that no model sees as its input."""
ORDER = ("train", "validation", "test")
EXCERPT = 60


@dataclass(frozen=True)
class Rows:
    """Values by split and column.

    Attributes:
        splits: split → column → values, None for a gap; the split that is learned from first.
        ids: split → number of each row in its source.
        kinds: column → number, text or other (an image).
        labels: class names, if the rows have a label.
    """

    splits: Mapping[str, Mapping[str, Sequence[Any]]]
    ids: Mapping[str, Sequence[int]]
    kinds: Mapping[str, Kind]
    labels: Sequence[str]

    @classmethod
    def read(cls, data: Dataset, limit: int, seed: int) -> Rows:
        """Of each split at most ``limit`` rows, drawn at random and left in their order."""
        found = columns.columns(data)
        splits, ids = {}, {}
        for name in sorted(data.splits, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name)):
            table = data.table(name)
            if table.num_rows > limit:
                drawn = np.random.default_rng(seed).choice(table.num_rows, limit, replace=False)
                table = table.take(np.sort(drawn))
            splits[name] = {column.name: column.values(table) for column in found.values()}
            ids[name] = table.column(ROW_ID).to_pylist()
        return cls(splits, ids, {name: column.kind for name, column in found.items()}, data.labels)

    @property
    def training(self) -> str:
        """The split that is learned from."""
        return next(iter(self.splits))

    @property
    def total(self) -> int:
        return sum(len(ids) for ids in self.ids.values())

    def inputs(self, kind: Kind) -> list[str]:
        """Columns of that kind that a model sees."""
        return [name for name, own in self.kinds.items() if own == kind and name not in ASIDE]

    def all(self, name: str) -> list[Any]:
        """A column's values, one split after the other."""
        return [value for split in self.splits.values() for value in split[name]]

    def places(self) -> list[tuple[str, int]]:
        """Split and number of each row, in the order of :meth:`all`."""
        return [(split, row) for split, ids in self.ids.items() for row in ids]

    def numbers(self, split: str, name: str) -> np.ndarray:
        """A column of numbers; NaN for a gap."""
        return np.array([np.nan if value is None else value for value in self.splits[split][name]], dtype=np.float64)

    def excerpts(self) -> list[str]:
        """The beginning of each row's text, or its first numbers; personal data are masked."""
        texts = self.inputs("text")[:3] or self.inputs("number")[:4]
        return [
            mask(", ".join("–" if value is None else str(value) for value in values))[:EXCERPT]
            for values in zip(*(self.all(name) for name in texts), strict=True)
        ] or [""] * self.total
