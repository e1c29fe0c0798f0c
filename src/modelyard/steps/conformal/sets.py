"""Gives a classifier sets of classes with a promise. Knows no task by name; the sets travel with the model."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.step import step
from modelyard.core.transform import TransformSpec
from modelyard.formats.files import copy_all
from modelyard.methods import class_predictions
from modelyard.methods import conformal as methods

NAME = "conformal"


@step(needs="labels", converts=True, measures=class_predictions.SET_MEASURES)
def sets(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    method: methods.Method = "lac",
    level: Annotated[float, Between(0.5, 0.999)] = 0.9,
    by_class: bool = False,
    split: str = "validation",
) -> Model:
    """Answer with a set of classes that holds the right one as often as was asked for.

    Split conformal prediction: if the rows of ``split`` and those that are answered later come from one source in
    random order, the set holds the right class with a probability of at least ``level``, however bad the model is; a
    bad model has large sets. ``predict`` and the server give ``set`` beside ``label``; ``evaluate`` measures
    ``set_coverage`` with its exact interval, and ``set_size``. Drift breaks the promise, and so does any change of the
    model after this step.

    Args:
        model: the classifier, on any runtime; calibrate it before.
        data: rows with labels that the model did not learn from.
        method: lac gives the smallest sets on average; aps larger ones where the model is unsure; raps is aps without
            huge sets, for many classes.
        level: share of the rows whose set holds the right class.
        by_class: keep the promise for each class by itself; takes more rows.
        split: the rows to fit to; not those of the last test.
    """
    if any(spec.name == NAME for spec in model.answers):
        raise InputError("the model answers with sets already", fix="leave one of the steps out")
    with Predictor(model) as predictor:
        outcome = class_predictions.ask(predictor, data, split)
    misfits = methods.misfit(outcome.probabilities, method)[np.arange(outcome.n), outcome.targets]
    thresholds = {}
    for number, label in enumerate(outcome.labels):
        fitted = misfits[outcome.targets == number] if by_class else misfits
        _check_rows(len(fitted), level, f"of the class {label!r} " if by_class else "", split)
        thresholds[label] = methods.threshold(fitted, level)
    options = {
        "method": method,
        "level": level,
        "thresholds": [_finite(thresholds[label]) for label in model.labels],
    }
    copy_all(model, out)
    return model.rewrite(out, parents=[model, data], answers=[*model.answers, TransformSpec(NAME, options)])


def _check_rows(rows: int, level: float, which: str, split: str) -> None:
    fewest = methods.fewest_rows(level)
    if rows < fewest:
        raise InputError(
            f"{rows} rows {which}in the split {split!r} cannot promise a coverage of {level:g}",
            expected=f"at least {fewest}",
            fix="lower level:, or give the split a larger share under data: split:",
        )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
