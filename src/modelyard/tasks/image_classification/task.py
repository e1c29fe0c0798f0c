"""The task itself: predictions, scores, loss and network of an image classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.input_space import InputSpace
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.task import NO_HINTS, Encoded, Hints, Prediction, Units, Workload
from modelyard.core.transform import Row
from modelyard.formats import onnx_source
from modelyard.methods import class_predictions
from modelyard.tasks.image_classification import adoption, onnx_import, parts, processor
from modelyard.tasks.image_classification.processor import INPUT, Processor

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor

PIXEL_BUDGET = 2_000_000
"""Pixels of one call while predicting many rows: forty images of 224 × 224 in float32 are 24 MB."""


class ImageClassification:
    """One of several classes for an image. Rows: ``image``, and ``label`` for training and scoring.

    An image is a PNG or JPEG file as bytes, or as base64 text where JSON carries it.
    """

    name = "image-classification"
    inputs: tuple[str, ...] = ("image",)
    target: str | None = "label"
    abilities = frozenset({"labels", "training", "image", "units", "continuous"})
    measures: tuple[str, ...] = class_predictions.MEASURES

    def adopt(self, source: Source, out: Path, *, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
        if onnx_source.find(source.path):
            return onnx_import.adopt(source, out, task=self.name, data=data, hints=hints)
        return adoption.adopt(source, out, task=self.name, data=data, seed=seed, hints=hints)

    def processor(self, model: Model) -> Processor:
        return processor.load(model)

    def encode(self, processor: Processor, rows: Sequence[Row]) -> list[Encoded]:
        return processor.encode(rows)

    def collate(self, processor: Processor, encoded: Sequence[Encoded]) -> Arrays:
        return processor.collate(encoded)

    def predict(
        self, session: Session, processor: Processor, rows: Sequence[Row], options: Mapping[str, Any]
    ) -> list[Prediction]:
        """``{"label", "score", "scores": {class: probability}}`` for each row, in the order of the rows."""
        class_predictions.no_options(options)
        height, width = processor.preprocessing.size
        most = max(1, PIXEL_BUDGET // (height * width))
        probabilities = np.empty((len(rows), len(processor.labels)))
        images = processor.encode([{"image": row["image"]} for row in rows])
        for start in range(0, len(rows), most):
            outputs = session.run(processor.collate(images[start : start + most]))
            probabilities[start : start + most] = class_predictions.softmax(np.asarray(outputs["logits"]))
        return class_predictions.predictions(processor.labels, probabilities)

    def units(self, processor: Processor, row: Row, most: int) -> Units:
        """The patches of a grid."""
        return parts.units(processor.preprocessing, row, most)

    def mask(
        self, processor: Processor, row: Row, units: Units, kept: np.ndarray, reference: Row | None = None
    ) -> list[Row]:
        return parts.mask(row, units, kept)

    def owners(self, processor: Processor, row: Row, units: Units) -> np.ndarray:
        return parts.owners(processor.preprocessing, units)

    def space(self, processor: Processor) -> InputSpace:
        return processor.space()

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        return class_predictions.evaluate(predictor, data, split, confidence=confidence, seed=seed)

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        return class_predictions.compare(ours, reference, confidence=confidence, seed=seed)

    def workloads(self, predictor: Predictor, batch_size: int, length: int) -> Iterable[Workload]:
        """One call of the session on ``batch_size`` images; all have the model's size, whatever ``length``."""
        batch = predictor.processor.synthetic(batch_size)
        yield Workload("", lambda: predictor.session.run(batch), units=batch_size, unit="row")

    def export_example(self, model: Model) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
        return processor.load(model).synthetic(2), {INPUT: {0: "batch"}, "logits": {0: "batch"}}

    def network(self, model: Model) -> Any:
        """A module whose output maps ``logits`` to (rows, classes)."""
        from modelyard.networks import vision

        return vision.load(model.path)

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Mean cross entropy; with ``weights`` of shape (rows,) the weighted sum over the number of rows."""
        from modelyard.networks import losses

        return losses.classifier_loss(network, batch, weights)
