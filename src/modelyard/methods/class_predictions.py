"""What the tasks that choose one of several classes share: probabilities as predictions, predictions as scores.

Knows no kind of input: text, image and table classifiers answer and are judged alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings
from modelyard.core.task import EMBEDDING, Prediction

if TYPE_CHECKING:
    from modelyard.core.predictor import Predictor
    from modelyard.methods.outcome import Outcome

MEASURES = (
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
"""What :func:`evaluate` gives."""

SET = "set"
"""Key of a prediction with the classes of a conformal set, likeliest first."""
SET_MEASURES = ("set_coverage", "set_size")
"""What :func:`evaluate` gives beside, for a model that answers with sets."""


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis in float64; the largest logit is taken off first, so that none overflows."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True))


def predictions(labels: Sequence[str], probabilities: np.ndarray) -> list[Prediction]:
    """``{"label", "score", "scores": {class: probability}}`` for each row of shape (rows, classes).

    Raises:
        InputError: an answer is not a finite number.
    """
    for position in np.flatnonzero(~np.isfinite(probabilities).all(axis=1))[:1]:
        raise InputError(f"the model's answer to row {position} is not a finite number")
    best = probabilities.argmax(axis=1)
    return [
        {
            "label": labels[first],
            "score": float(row[first]),
            "scores": {label: float(value) for label, value in zip(labels, row, strict=True)},
        }
        for first, row in zip(best, probabilities, strict=True)
    ]


def probabilities(predictions: Sequence[Prediction]) -> np.ndarray:
    """The scores of predictions, (rows, classes)."""
    return np.array([list(item["scores"].values()) for item in predictions])


def rescale(answers: Sequence[Prediction], change: Callable[[np.ndarray], np.ndarray]) -> list[Prediction]:
    """The same predictions with other probabilities; the label is that of the largest.

    Args:
        change: probabilities to probabilities, (rows, classes).
    """
    return predictions(list(answers[0]["scores"]), change(probabilities(answers))) if answers else []


def gives_sets(model: Model) -> bool:
    """Whether its predictions have a conformal set."""
    return any(spec.name == "conformal" for spec in model.answers)


def position(labels: Sequence[str], label: Any) -> np.ndarray:
    """Place of a class among the outputs, an int64 scalar.

    Raises:
        InputError: the model does not know it.
    """
    if str(label) not in labels:
        raise InputError(f"the model does not know the label {label!r}", expected=f"one of {', '.join(labels)}")
    return np.asarray(labels.index(str(label)), dtype=np.int64)


def no_options(options: Any) -> None:
    """Raise InputError if a caller chose anything for one call: a classifier has nothing to choose."""
    if options:
        raise InputError(f"unknown option {next(iter(options))!r}", expected="no options for this task")


def read_embedding(options: Mapping[str, Any]) -> bool:
    """Whether a caller chose to have the embedding of each row too.

    Raises:
        InputError: anything else was chosen.
    """
    no_options({name: value for name, value in options.items() if name != EMBEDDING})
    wanted = options.get(EMBEDDING, False)
    if not isinstance(wanted, bool):
        raise InputError(f"embedding: {wanted!r:.40}", expected="true or false")
    return wanted


def evaluate(predictor: Predictor, data: Dataset, split: str, *, confidence: float, seed: int) -> Findings:
    """Predict a split and judge the answers, as :func:`classification_scores.judge` does.

    Raises:
        InputError: the classes of the data are not those of the model.
    """
    # Here and not above: a server predicts and never scores.
    from modelyard.methods import classification_scores, conformal_scores

    outcome, answers = _ask(predictor, data, split)
    findings = classification_scores.judge(
        outcome.labels, outcome.targets, outcome.probabilities, outcome.rows, confidence=confidence, seed=seed
    )
    if answers and SET in answers[0]:
        findings = conformal_scores.add(findings, outcome, [answer[SET] for answer in answers], confidence)
    return findings


def ask(predictor: Predictor, data: Dataset, split: str) -> Outcome:
    """What a classifier answers to the rows of a split; classes are in the order of the data's.

    Raises:
        InputError: the classes of the data are not those of the model.
    """
    return _ask(predictor, data, split)[0]


def _ask(predictor: Predictor, data: Dataset, split: str) -> tuple[Outcome, list[Prediction]]:
    from modelyard.methods.outcome import Outcome

    labels = data.labels
    if set(labels) != set(predictor.model.labels):
        raise InputError(
            f"the data have the classes {', '.join(labels)}",
            expected=f"those of the model: {', '.join(predictor.model.labels)}",
        )
    answers = predictor.predict_split(data, split)
    # In the order of the data's classes: the last of two is the positive one.
    index = {label: position for position, label in enumerate(labels)}
    scores = np.array([[answer["scores"][label] for label in labels] for answer in answers], dtype=np.float64)
    outcome = Outcome(
        tuple(labels),
        np.array([index[str(label)] for label in data.column(split, "label")], dtype=np.int64),
        scores.reshape(len(answers), len(labels)),
        np.asarray(data.column(split, ROW_ID), dtype=np.int64),
    )
    return outcome, answers


def compare(ours: Findings, reference: Findings, *, confidence: float, seed: int) -> Findings:
    """As :func:`classification_scores.compare`."""
    from modelyard.methods import classification_scores

    return classification_scores.compare(ours, reference, confidence=confidence, seed=seed)
