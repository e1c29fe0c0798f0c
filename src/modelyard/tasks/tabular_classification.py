"""Tabular classification: one row of features in, one of the named classes out, with a probability for each.

Knows no runtime and no kind of model: the network is an MLP, an exported one may be anything that gives logits.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.task import NO_HINTS, Encoded, Hints, Prediction, Units, Workload
from modelyard.core.transform import Row
from modelyard.formats import onnx_source, table_model, table_onnx
from modelyard.formats.table_model import Processor
from modelyard.methods import class_predictions

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor

ROWS_AT_ONCE = 4096


class TabularClassification:
    """One of several classes for a row. Rows: ``features`` (column → value), and ``label`` for training and scoring."""

    name = "tabular-classification"
    inputs: tuple[str, ...] = ("features",)
    target: str | None = "label"
    abilities = frozenset({"labels", "training", "features", "units", "continuous"})
    measures: tuple[str, ...] = class_predictions.MEASURES

    def adopt(self, source: Source, out: Path, *, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
        if onnx_source.find(source.path):
            return table_onnx.adopt(source, out, task=self.name, target="label", data=data, hints=hints)
        from modelyard.networks import mlp

        write = partial(mlp.write_new, output="logits", seed=seed)
        return table_model.adopt(source, out, task=self.name, target="label", data=data, write=write)

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
        """``{"label", "score", "scores": {class: probability}}`` for each row, in the order of the rows."""
        class_predictions.no_options(options)
        features = processor.encode([{"features": row["features"]} for row in rows])
        probabilities = np.empty((len(rows), len(processor.labels)))
        for start in range(0, len(rows), ROWS_AT_ONCE):
            outputs = session.run(table_model.collate(features[start : start + ROWS_AT_ONCE]))
            probabilities[start : start + ROWS_AT_ONCE] = class_predictions.softmax(np.asarray(outputs["logits"]))
        return class_predictions.predictions(processor.labels, probabilities)

    def units(self, processor: Processor, row: Row, most: int) -> Units:
        """The columns."""
        return processor.units()

    def mask(
        self, processor: Processor, row: Row, units: Units, kept: np.ndarray, reference: Row | None = None
    ) -> list[Row]:
        return processor.mask(row, kept, reference)

    def owners(self, processor: Processor, row: Row, units: Units) -> np.ndarray:
        return processor.codes.owners

    def space(self, processor: Processor) -> InputSpace:
        return processor.space()

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        return class_predictions.evaluate(predictor, data, split, confidence=confidence, seed=seed)

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        return class_predictions.compare(ours, reference, confidence=confidence, seed=seed)

    def workloads(self, predictor: Predictor, batch_size: int, length: int) -> Iterable[Workload]:
        return table_model.workloads(predictor, batch_size)

    def export_example(self, model: Model) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
        return table_model.export_example(model, "logits")

    def network(self, model: Model) -> Any:
        """The MLP: a module whose output maps ``logits`` to (rows, classes)."""
        from modelyard.networks import mlp

        return mlp.load(model.path)

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Mean cross entropy; with ``weights`` of shape (rows,) the weighted sum over the number of rows."""
        from modelyard.networks import losses

        return losses.classifier_loss(network, batch, weights)


TASK = TabularClassification()
