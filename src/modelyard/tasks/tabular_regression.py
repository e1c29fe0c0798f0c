"""Tabular regression: one row of features in, a number out.

Knows no runtime and no kind of model: the network is an MLP, an exported one may be anything that gives a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.task import NO_HINTS, Encoded, Hints, Prediction, Units, Workload
from modelyard.core.transform import Row
from modelyard.formats import onnx_source, table_model, table_onnx
from modelyard.formats.table_model import Processor
from modelyard.methods import class_predictions, number_predictions

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor

ROWS_AT_ONCE = 4096


class TabularRegression:
    """A number for a row. Rows: ``features`` (column → value), and ``target`` for training and scoring."""

    name = "tabular-regression"
    inputs: tuple[str, ...] = ("features",)
    target: str | None = "target"
    abilities = frozenset({"numbers", "training", "features", "units"})
    measures: tuple[str, ...] = ("rmse", "mae", "r2")

    def adopt(self, source: Source, out: Path, *, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
        if onnx_source.find(source.path):
            return table_onnx.adopt(source, out, task=self.name, target="target", data=data, hints=hints)
        from modelyard.networks import mlp

        write = partial(mlp.write_new, output="value", seed=seed)
        return table_model.adopt(source, out, task=self.name, target="target", data=data, write=write)

    def processor(self, model: Model) -> Processor:
        return table_model.load(model)

    def columns(self, processor: Processor) -> Mapping[str, Literal["number", "category"]]:
        return processor.kinds

    def encode(self, processor: Processor, rows: Sequence[Row]) -> list[Encoded]:
        return processor.encode(rows)

    def collate(self, processor: Processor, encoded: Sequence[Encoded]) -> Arrays:
        return table_model.collate(encoded)

    def predict(
        self, session: Session, processor: Processor, rows: Sequence[Row], options: Mapping[str, Any]
    ) -> list[Prediction]:
        """``{"value"}`` for each row, in the order of the rows and the unit of the targets."""
        class_predictions.no_options(options)
        features = processor.encode([{"features": row["features"]} for row in rows])
        values = np.empty(len(rows))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            outputs = session.run(table_model.collate(features[start : start + ROWS_AT_ONCE]))
            values[start : start + ROWS_AT_ONCE] = np.asarray(outputs["value"], dtype=np.float64).reshape(-1)
        values = values * processor.scale.deviation + processor.scale.mean
        for position in np.flatnonzero(~np.isfinite(values))[:1]:
            raise InputError(f"the model's answer to row {position} is not a finite number")
        return [{"value": float(value)} for value in values]

    def units(self, processor: Processor, row: Row, most: int) -> Units:
        """The columns."""
        return processor.units()

    def mask(
        self, processor: Processor, row: Row, units: Units, kept: np.ndarray, reference: Row | None = None
    ) -> list[Row]:
        return processor.mask(row, kept, reference)

    def owners(self, processor: Processor, row: Row, units: Units) -> np.ndarray:
        return processor.codes.owners

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        # Here and not above: a server predicts and never scores.
        from modelyard.methods import interval_scores, regression_scores

        answers = predictor.predict_split(data, split)
        targets = np.asarray(data.column(split, "target"), dtype=np.float64)
        values = number_predictions.values(answers)
        rows = np.asarray(data.column(split, ROW_ID), dtype=np.int64)
        findings = regression_scores.judge(targets, values, rows, confidence=confidence, seed=seed)
        if answers and number_predictions.LOW in answers[0]:
            keys = (number_predictions.LOW, number_predictions.HIGH)
            ends = (np.array([answer[key] for answer in answers]) for key in keys)
            findings = interval_scores.add(findings, targets, values, *ends, confidence=confidence, seed=seed)
        return findings

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        from modelyard.methods import regression_scores

        return regression_scores.compare(ours, reference, confidence=confidence, seed=seed)

    def workloads(self, predictor: Predictor, batch_size: int, length: int) -> Iterable[Workload]:
        return table_model.workloads(predictor, batch_size)

    def export_example(self, model: Model) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
        return table_model.export_example(model, "value")

    def network(self, model: Model) -> Any:
        """The MLP: a module whose output maps ``value`` to (rows, 1), in standard deviations from the mean target."""
        from modelyard.networks import mlp

        return mlp.load(model.path)

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Mean squared error, in squared standard deviations of the target; ``weights`` count rows."""
        from modelyard.networks import losses

        value = network(features=batch["features"])["value"].squeeze(-1)
        return losses.squared_error(value, batch["labels"], weights)


TASK = TabularRegression()
