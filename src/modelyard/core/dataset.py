"""The dataset artifact: one Parquet file a split, with column roles and class names.

Knows Arrow tables, not where they came from: reading foreign formats, splitting and
profiling belong to the step that loads data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError
from modelyard.core.transform import Row, TransformSpec, write_specs

if TYPE_CHECKING:
    import pyarrow as pa

ROW_ID = "row"
"""Column with the row's number in its source; it stays with the row through every step, and with what is made of it."""
TRAINING = "train"
"""The split that is learned from."""
CHANGES = "changes"
"""Entry of the profile: what was done to the rows to learn from, in order."""


@dataclass(frozen=True)
class Dataset(Artifact):
    """Named splits of one table. Columns are named by role: ``text``, ``label``, ``weight``, …"""

    kind: ClassVar[str] = "dataset"

    @classmethod
    def write(
        cls,
        out: Path,
        splits: Mapping[str, pa.Table],
        *,
        parents: Iterable[Artifact],
        labels: Iterable[str] = (),
        transforms: Iterable[TransformSpec] = (),
        profile: Mapping[str, Any] | None = None,
        scaling: Mapping[str, Sequence[float]] | None = None,
    ) -> Dataset:
        """Write the splits as Parquet into ``out`` and seal it.

        Args:
            out: an empty folder.
            splits: split name → table whose columns are roles, with an int64 column ``row``.
            parents: artifacts that it was made from.
            labels: class names; their order is the order of the model's outputs.
            transforms: what was already done to the rows.
            profile: counts and warnings found while loading (JSON values).
            scaling: column of numbers → what an encoder takes off it and divides it by; others are standardized.
        """
        import pyarrow.parquet as pq

        for name, table in splits.items():
            pq.write_table(table, out / f"{name}.parquet", compression="zstd")
        attributes = {
            "splits": {name: table.num_rows for name, table in splits.items()},
            "roles": list(next(iter(splits.values())).column_names),
            "labels": list(labels),
            "transforms": write_specs(transforms, out),
            "profile": dict(profile or {}),
            "scaling": {name: list(numbers) for name, numbers in (scaling or {}).items()},
        }
        return cls.seal(out, parents=parents, attributes=attributes)

    def rewrite(
        self,
        out: Path,
        splits: Mapping[str, pa.Table],
        *,
        transforms: Iterable[TransformSpec] | None = None,
        profile: Mapping[str, Any] | None = None,
        scaling: Mapping[str, Sequence[float]] | None = None,
    ) -> Dataset:
        """Write changed splits as a child of this dataset; what is not named stays."""
        return Dataset.write(
            out,
            splits,
            parents=[self],
            labels=self.labels,
            transforms=self.transforms if transforms is None else transforms,
            profile=self.profile if profile is None else profile,
            scaling=self.scaling if scaling is None else scaling,
        )

    def with_training_rows(self, out: Path, tables: Mapping[str, pa.Table], change: str) -> Dataset:
        """Write other rows to learn from, as a child of this dataset; what is not named stays.

        Args:
            out: an empty folder.
            tables: the rows of the split ``train``, and other splits that got the same new columns.
            change: what was done, for the report: the profile keeps it with the number of rows of each class.
        """
        table = tables[TRAINING]
        classes = table.column("label").to_pylist() if "label" in table.column_names else []
        found = Counter(classes)
        counts = {label: found[label] for label in self.labels} if classes else {}
        entry = {"change": change, "rows": table.num_rows, "classes": counts}
        profile = {**self.profile, CHANGES: [*self.profile.get(CHANGES, ()), entry]}
        return self.rewrite(out, {**self.tables(), **tables}, profile=profile)

    @property
    def splits(self) -> Mapping[str, int]:
        """Split name → number of rows."""
        splits: Mapping[str, int] = self.attributes["splits"]
        return splits

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(self.attributes["roles"])

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(self.attributes["labels"])

    @property
    def transforms(self) -> tuple[TransformSpec, ...]:
        return tuple(TransformSpec.from_json(item, self.path) for item in self.attributes["transforms"])

    @property
    def profile(self) -> Mapping[str, Any]:
        profile: Mapping[str, Any] = self.attributes["profile"]
        return profile

    @property
    def scaling(self) -> Mapping[str, Sequence[float]]:
        """Column of numbers → what an encoder takes off it and divides it by."""
        scaling: Mapping[str, Sequence[float]] = self.attributes.get("scaling", {})
        return scaling

    def table(self, split: str, columns: list[str] | None = None) -> pa.Table:
        """The rows of one split.

        Args:
            columns: those that are read; None for all.

        Raises:
            InputError: there is no such split.
        """
        import pyarrow.parquet as pq

        if split not in self.splits:
            raise InputError(
                f"the dataset has no split {split!r}",
                expected=f"one of {', '.join(self.splits)}",
                fix="name it under data: split: in the recipe, or choose another split for this step",
            )
        # partitioning=None: a folder called ``x=y`` on the way must not become a column.
        return pq.read_table(self.path / f"{split}.parquet", columns=columns, partitioning=None)

    @property
    def schema(self) -> pa.Schema:
        """Columns and their types, as the first split has them; no row is read."""
        import pyarrow.parquet as pq

        return pq.read_schema(self.path / f"{next(iter(self.splits))}.parquet")

    def tables(self) -> dict[str, pa.Table]:
        return {split: self.table(split) for split in self.splits}

    def column(self, split: str, role: str) -> list[Any]:
        """Values of one role, in row order."""
        return list(self.table(split, [role]).column(role).to_pylist())

    def rows(self, split: str) -> list[Row]:
        """Each row as role → value."""
        return list(self.table(split).to_pylist())
