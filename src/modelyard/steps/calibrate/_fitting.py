"""What the calibrations share: the answers to fit to, and the model with the transform of its answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.transform import TransformSpec
from modelyard.formats.files import copy_all
from modelyard.methods import class_predictions
from modelyard.methods.calibration import calibration_error
from modelyard.methods.outcome import Outcome

RECORD = "calibration.json"
FEWEST_ROWS = 20


def fit(
    model: Model,
    data: Dataset,
    out: Path,
    *,
    name: str,
    split: str,
    choose: Callable[[np.ndarray, np.ndarray], tuple[Mapping[str, Any], np.ndarray]],
) -> Model:
    """Write the model into ``out`` with a transform of its answers.

    Args:
        name: of the transform.
        choose: probabilities and targets to the options of the transform, and what it makes of the probabilities;
            classes are in the order of the model.

    Raises:
        InputError: the model is calibrated already, or the split has too few rows.
    """
    if model.answers:
        raise InputError(
            f"the model has {', '.join(spec.name for spec in model.answers)} already",
            expected="a model whose answers are as it gives them",
            fix="calibrate once, and before conformal: leave one of the steps out",
        )
    with Predictor(model) as predictor:
        outcome = class_predictions.ask(predictor, data, split)
    if outcome.n < FEWEST_ROWS:
        raise InputError(
            f"the split {split!r} has {outcome.n} rows",
            expected=f"at least {FEWEST_ROWS} to calibrate on, better some hundreds",
            fix="give it a larger share under data: split:",
        )
    places = [outcome.labels.index(label) for label in model.labels]
    targets = np.argsort(places)[outcome.targets]
    options, calibrated = choose(outcome.probabilities[:, places], targets)
    copy_all(model, out)
    after = Outcome(model.labels, targets, calibrated, outcome.rows)
    record = {"method": name, "split": split, "rows": outcome.n, "before": _fits(outcome), "after": _fits(after)}
    (out / RECORD).write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return model.rewrite(out, parents=[model, data], answers=[TransformSpec(name, options)])


def _fits(outcome: Outcome) -> dict[str, float]:
    """Calibration error and log loss on the rows that were fitted to: a model's own evaluation says what they are
    on others."""
    given = outcome.probabilities[np.arange(outcome.n), outcome.targets]
    error = calibration_error(outcome.score, outcome.right, np.ones((1, outcome.n)))
    loss = -np.log(np.clip(given, np.finfo(np.float64).eps, 1.0)).mean()
    return {"calibration_error": float(error[0]), "log_loss": float(loss)}
