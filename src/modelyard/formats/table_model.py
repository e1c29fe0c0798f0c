"""The folder of a model over a table: ``columns.json`` says how a row becomes numbers, whatever runs the model.

The tasks over tables share it, and the steps that fit such models. Knows no network: the task writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.runtime import Arrays
from modelyard.core.source import Source
from modelyard.core.task import Encoded, Units, Workload
from modelyard.core.transform import Row
from modelyard.formats import blueprint
from modelyard.methods import class_predictions, feature_codes
from modelyard.methods.feature_codes import FeatureCodes

FILE = "columns.json"
ROLE = "features"


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of the targets: a network learns and gives (target - mean) / deviation."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True)
class Processor:
    """What encoding and decoding need.

    Attributes:
        codes: how the features of a row become numbers.
        labels: class names in the order of the outputs; empty where a number is predicted.
        scale: of that number.
    """

    codes: FeatureCodes
    labels: tuple[str, ...]
    scale: Scale

    @property
    def kinds(self) -> Mapping[str, Literal["number", "category"]]:
        """The columns in their order, and what each holds."""
        return {column.name: "number" if column.categories is None else "category" for column in self.codes.columns}

    def encode(self, rows: Sequence[Row]) -> list[Encoded]:
        """``features``, float32 of shape (width,), and ``labels`` where the row has a label or a target.

        Raises:
            InputError: features or a label that the model does not know.
        """
        codes = self.codes.encode([read_features(row[ROLE], number) for number, row in enumerate(rows)])
        encoded: list[Encoded] = []
        for row, features in zip(rows, codes, strict=True):
            arrays: dict[str, np.ndarray] = {ROLE: features}
            if self.labels and row.get("label") is not None:
                arrays["labels"] = class_predictions.position(self.labels, row["label"])
            elif not self.labels and row.get("target") is not None:
                scaled = (float(row["target"]) - self.scale.mean) / self.scale.deviation
                arrays["labels"] = np.asarray(scaled, dtype=np.float32)
            encoded.append(arrays)
        return encoded

    def units(self) -> Units:
        """The columns."""
        return Units("column", [column.name for column in self.codes.columns], [()] * len(self.codes.columns))

    def mask(self, row: Row, kept: np.ndarray, reference: Row | None) -> list[Row]:
        """Rows with the values of ``reference``, or else those that say nothing, in the columns that are not kept."""
        given = read_features(row[ROLE], 0)
        other = self.codes.middle if reference is None else read_features(reference[ROLE], 0)
        names = [column.name for column in self.codes.columns]
        there, absent = [given.get(name) for name in names], [other.get(name) for name in names]
        return [
            {
                **row,
                ROLE: {
                    name: own if here else strange
                    for name, own, strange, here in zip(names, there, absent, one, strict=True)
                },
            }
            for one in kept.tolist()
        ]

    def space(self) -> InputSpace:
        """Numbers in standard deviations of the rows that were learned from; categories stay as they are."""
        numbers = np.array([column.categories is None for column in self.codes.columns for _ in range(column.width)])
        return InputSpace(
            name=ROLE,
            offset=np.zeros(1),
            unit=np.ones(1),
            low=np.full(len(numbers), -np.inf),
            high=np.full(len(numbers), np.inf),
            free=numbers,
            grid=0.0,
            measured_in="standard deviations",
            names=self.codes.names,
        )

    def synthetic(self, rows: int) -> Arrays:
        """Rows of random numbers, the same at every call."""
        return {ROLE: np.random.default_rng(0).normal(size=(rows, self.codes.width)).astype(np.float32)}

    def write(self, out: Path) -> None:
        """Write ``columns.json``."""
        body = {"columns": self.codes.to_json(), "target": {"mean": self.scale.mean, "deviation": self.scale.deviation}}
        (out / FILE).write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_features(value: Any, row: int) -> Mapping[str, Any]:
    """The features of a row: a mapping, or the same as a JSON text, as a request brings it.

    Raises:
        InputError: neither; names the row.
    """
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, Mapping):
        raise InputError(f"row {row}: {value!r:.60}", expected='{"column": value, …}, a value for every feature')
    return found


def collate(encoded: Sequence[Encoded]) -> Arrays:
    """``features`` of shape (rows, width), and ``labels`` of shape (rows,)."""
    return {name: np.stack([row[name] for row in encoded]) for name in encoded[0]}


def workloads(predictor: Any, batch_size: int) -> Iterable[Workload]:
    """One call of the session on ``batch_size`` rows."""
    batch = predictor.processor.synthetic(batch_size)
    yield Workload("", lambda: predictor.session.run(batch), units=batch_size, unit="row")


def export_example(model: Model, output: str) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
    """Two rows, and the axes that vary."""
    return load(model).synthetic(2), {ROLE: {0: "batch"}, output: {0: "batch"}}


def load(model: Model) -> Processor:
    """Read ``columns.json`` of a model's folder."""
    body = json.loads((model.path / FILE).read_text(encoding="utf-8"))
    return Processor(FeatureCodes.from_json(body["columns"]), model.labels, Scale(**body["target"]))


def fit(data: Dataset, target: str) -> Processor:
    """Fit codes, and the scale of numbers to predict, to the split ``train``.

    Args:
        data: with the role ``features``.
        target: the role that is learned: ``label`` for classes, ``target`` for numbers.

    Raises:
        InputError: the data lack one of these roles.
    """
    import pyarrow as pa

    for role in (ROLE, target):
        if role not in data.roles:
            raise InputError(
                f"the data have no role {role!r}, but {', '.join(data.roles)}",
                expected=f"the roles {ROLE} and {target}",
                fix=f'columns: {{{target}: COLUMN, {ROLE}: "*"}} takes all other columns as features',
            )
    table = data.table("train")
    fields = table.schema.field(ROLE).type
    if not pa.types.is_struct(fields):
        raise InputError(f"the role {ROLE} holds {fields}", expected="named columns", fix="load the data again")
    categorical = {field.name: pa.types.is_string(field.type) for field in fields}
    codes = feature_codes.fit(table.column(ROLE).to_pylist(), categorical, data.scaling)
    if target == "label":
        return Processor(codes, data.labels, Scale())
    return Processor(codes, (), _fit_scale(table))


def _fit_scale(table: Any) -> Scale:
    targets = np.asarray(table.column("target").to_pylist(), dtype=np.float64)
    deviation = float(targets.std())
    return Scale(float(targets.mean()), deviation if deviation > 0 else 1.0)


@dataclass(frozen=True)
class Shape:
    """Options of ``new:mlp``.

    Attributes:
        hidden: width of each hidden layer.
        dropout: rate after each of them while training.
    """

    hidden: list[Annotated[int, Between(1, 65_536)]]
    dropout: Annotated[float, Between(0.0, 0.9)] = 0.0


HIDDEN = [64, 64]
"""Hidden layers unless told."""


def adopt(
    source: Source, out: Path, *, task: str, target: str, data: Dataset | None, write: Callable[..., None]
) -> Model:
    """Make the network of a blueprint for these data, with random weights, and write it.

    Args:
        target: the role that is learned, as of :func:`fit`.
        write: writes the network into a folder, given ``features``, ``outputs``, ``hidden`` and ``dropout``.

    Raises:
        InputError: another source than ``new:mlp``, or no data.
    """
    shape = blueprint.expect(source, "mlp")
    if data is None:
        raise InputError(
            "a new network must know its data",
            expected="data with features",
            fix="give the data too",
            where=source.reference,
        )
    given = blueprint.Blueprint(shape.architecture, {"hidden": HIDDEN, **shape.options}).read_options(Shape)
    processor = fit(data, target)
    outputs = len(processor.labels) or 1
    write(out, features=processor.codes.width, outputs=outputs, hidden=given.hidden, dropout=given.dropout)
    processor.write(out)
    return Model.write(out, task=task, runtime="torch", base=source.reference, parents=[], labels=processor.labels)
