"""The task itself: predictions, scores, loss and network of a text classifier."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.core.task import Encoded, Prediction, Workload
from modelyard.core.transform import Row
from modelyard.methods import length_batches
from modelyard.tasks.text_classification import adoption, processor
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
    abilities = frozenset({"labels", "training", "text"})
    measures: tuple[str, ...] = (
        "accuracy",
        "precision",
        "recall",
        "f1",
        "precision_macro",
        "recall_macro",
        "f1_macro",
        "f1_micro",
        "f1:*",
        "roc_auc",
        "pr_auc",
        "log_loss",
        "calibration_error",
    )

    def adopt(self, source: Source, out: Path, *, data: Dataset | None, seed: int) -> Model:
        return adoption.adopt(source, out, task=self.name, labels=data.labels if data else (), seed=seed)

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
        if options:
            raise InputError(f"unknown option {next(iter(options))!r}", expected="no options for this task")
        probabilities = self._probabilities(session, processor, [{"text": row["text"]} for row in rows])
        return [_prediction(processor.labels, row) for row in probabilities]

    def _probabilities(self, session: Session, processor: Processor, rows: Sequence[Row]) -> np.ndarray:
        """Class probabilities of shape (rows, classes), float64."""
        encoded = processor.encode(rows)
        probabilities = np.empty((len(rows), len(processor.labels)))
        for batch in length_batches.by_budget([len(row["input_ids"]) for row in encoded], TOKEN_BUDGET):
            outputs = session.run(processor.collate([encoded[position] for position in batch]))
            probabilities[batch] = softmax(np.asarray(outputs["logits"]))
        for position in np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[:1]:
            raise InputError(f"the model's answer to row {position} is not a finite number")
        return probabilities

    def evaluate(self, predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
        # Here and not above: a server predicts and never scores.
        from modelyard.methods import classification_scores

        labels = data.labels
        if set(labels) != set(predictor.model.labels):
            raise InputError(
                f"the data have the classes {', '.join(labels)}",
                expected=f"those of the model: {', '.join(predictor.model.labels)}",
            )
        predictions = predictor.predict_split(data, split)
        # In the order of the data's classes: the last of two is the positive one.
        index = {label: position for position, label in enumerate(labels)}
        return classification_scores.judge(
            labels,
            np.array([index[str(label)] for label in data.column(split, "label")], dtype=np.int64),
            np.array([[prediction["scores"][label] for label in labels] for prediction in predictions]),
            np.asarray(data.column(split, ROW_ID), dtype=np.int64),
            confidence=confidence,
            seed=seed,
        )

    def compare(self, ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
        from modelyard.methods import classification_scores

        return classification_scores.compare(ours, reference, confidence=confidence, seed=seed)

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

        from modelyard.networks import pretrained

        return pretrained.load(AutoModelForSequenceClassification, model.path)

    def loss(self, network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        """Mean cross entropy; with ``weights`` of shape (rows,) the weighted sum over the number of rows."""
        from torch.nn import functional

        inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
        logits = network(**inputs)["logits"].float()
        if weights is None:
            return functional.cross_entropy(logits, batch["labels"])
        return (functional.cross_entropy(logits, batch["labels"], reduction="none") * weights).mean()


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis in float64; the largest logit is taken off first, so that none overflows."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def _prediction(labels: Sequence[str], probabilities: np.ndarray) -> Prediction:
    best = int(probabilities.argmax())
    scores = {label: float(value) for label, value in zip(labels, probabilities, strict=True)}
    return {"label": labels[best], "score": scores[labels[best]], "scores": scores}
