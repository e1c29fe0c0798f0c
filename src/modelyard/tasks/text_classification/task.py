"""The task itself: predictions, scores, loss and network of a text classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.task import EMBEDDING, EMBEDDING_OUTPUT, NO_HINTS, Encoded, Hints, Prediction, Units, Workload
from modelyard.core.transform import Row
from modelyard.formats import onnx_source
from modelyard.methods import class_predictions, length_batches
from modelyard.tasks.text_classification import adoption, onnx_import, processor
from modelyard.tasks.text_classification.processor import Processor

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor

TOKEN_BUDGET = 2048
"""Padded tokens of one call while predicting many rows: on a CPU larger batches are no faster."""


class TextClassification:
    """One of several classes for a text. Rows: ``text``, and ``label`` for training and scoring."""

    name = "text-classification"
    inputs: tuple[str, ...] = ("text",)
    target: str | None = "label"
    abilities = frozenset({"labels", "training", "text", "units", EMBEDDING})
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
        """``{"label", "score", "scores": {class: probability}}`` for each row, in the order of the rows.

        With the option ``embedding`` also the vector under that name, and ``prompt_tokens`` that were read.
        """
        embeds = class_predictions.read_embedding(options)
        vectors: list[np.ndarray] = [np.empty(0)] * len(rows)
        encoded = processor.encode([{"text": row["text"]} for row in rows])
        probabilities = np.empty((len(rows), len(processor.labels)))
        for batch in length_batches.by_budget([len(row["input_ids"]) for row in encoded], TOKEN_BUDGET):
            outputs = session.run(processor.collate([encoded[position] for position in batch]))
            probabilities[batch] = class_predictions.softmax(np.asarray(outputs["logits"]))
            if embeds:
                for position, vector in zip(batch, _embeddings(outputs), strict=True):
                    vectors[position] = vector
        answers = class_predictions.predictions(processor.labels, probabilities)
        if not embeds:
            return answers
        tokens = [len(row["input_ids"]) for row in encoded]
        return [
            {**answer, EMBEDDING: vector.tolist(), "prompt_tokens": count}
            for answer, vector, count in zip(answers, vectors, tokens, strict=True)
        ]

    def add_embedding(self, model: Model, network: Any) -> bool:
        """The mean of the encoder's states; a model that makes the last layer for the first token only has none."""
        import torch

        from modelyard.networks import mean_pooling

        arrays, _ = self.export_example(model)
        example = {name: torch.from_numpy(item) for name, item in arrays.items()}
        return mean_pooling.add(network, example, EMBEDDING_OUTPUT)

    def text_of(self, processor: Processor, tokens: Sequence[int]) -> str:
        return processor.text_of(tokens)

    def units(self, processor: Processor, row: Row, most: int) -> Units:
        """The words."""
        return processor.units(row, most)

    def mask(
        self, processor: Processor, row: Row, units: Units, kept: np.ndarray, reference: Row | None = None
    ) -> list[Row]:
        return processor.mask(row, units, kept)

    def owners(self, processor: Processor, row: Row, units: Units) -> np.ndarray:
        return processor.owners(row, units)

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        return class_predictions.evaluate(predictor, data, split, confidence=confidence, seed=seed)

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        return class_predictions.compare(ours, reference, confidence=confidence, seed=seed)

    def workloads(self, predictor: Predictor, batch_size: int, length: int) -> Iterable[Workload]:
        """One call of the session on ``batch_size`` rows of ``length`` tokens."""
        batch = predictor.processor.synthetic(batch_size, length)
        yield Workload("", lambda: predictor.session.run(batch), units=batch_size, unit="row")

    def export_example(self, model: Model) -> tuple[Arrays, Mapping[str, Mapping[int, str]]]:
        arrays = processor.load(model).synthetic(2, 8)
        axes: dict[str, Mapping[int, str]] = {name: {0: "batch", 1: "sequence"} for name in arrays}
        return arrays, {**axes, "logits": {0: "batch"}}

    def network(self, model: Model) -> Any:
        """The Hugging Face network: a module whose output maps ``logits`` to (rows, classes)."""
        from transformers import AutoModelForSequenceClassification

        from modelyard.networks import first_position, pretrained

        network = pretrained.load(AutoModelForSequenceClassification, model.path)
        if "first_position" in model.settings:
            first_position.cut(network, model.settings["first_position"])
        return network

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Mean cross entropy; with ``weights`` of shape (rows,) the weighted sum over the number of rows."""
        from modelyard.networks import losses

        return losses.classifier_loss(network, batch, weights)


def _embeddings(outputs: Arrays) -> np.ndarray:
    """(rows, width), float32.

    Raises:
        InputError: the model has no such output, or it is not finite.
    """
    if EMBEDDING_OUTPUT not in outputs:
        raise InputError(
            "this model gives no embeddings",
            expected="an encoder on torch, or one that was exported from there to onnxruntime or openvino",
            fix="build the release again without prune positions and ensemble",
        )
    found = np.asarray(outputs[EMBEDDING_OUTPUT], dtype=np.float32)
    if not np.isfinite(found).all():
        raise InputError("the model's embedding is not finite")
    return found
