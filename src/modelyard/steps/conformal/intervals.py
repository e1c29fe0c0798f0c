"""Gives predicted numbers intervals with a promise. Knows no task by name; the intervals travel with the model."""

from __future__ import annotations

from dataclasses import asdict
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
from modelyard.methods import conformal_intervals as methods
from modelyard.methods import number_predictions


@step(needs="numbers", converts=True, measures=number_predictions.INTERVAL_MEASURES)
def intervals(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    method: methods.Method = "constant",
    level: Annotated[float, Between(0.5, 0.999)] = 0.9,
    split: str = "validation",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Answer with an interval that holds the true number as often as was asked for.

    Split conformal prediction: if the rows of ``split`` and those that are answered later come from one source in
    random order, the interval holds the truth with a probability of at least ``level``, however bad the model is; a
    bad model has wide intervals. ``predict`` and the server give ``low`` and ``high`` beside ``value``; ``evaluate``
    measures ``interval_coverage`` with its exact interval, and ``interval_width``. Drift breaks the promise, and so
    does any change of the model after this step.

    Args:
        model: a model that predicts numbers, on any runtime.
        data: rows with targets that the model did not learn from.
        method: constant gives every answer the same width; quantiles are wide where errors are, above and below by
            themselves, and take twice the rows.
        level: share of the rows whose interval holds the truth.
        split: the rows to fit to; not those of the last test.
        seed: of the order in which quantiles divides the rows in two.
    """
    if number_predictions.gives_intervals(model):
        raise InputError("the model answers with intervals already", fix="leave one of the steps out")
    with Predictor(model) as predictor:
        values = number_predictions.values(predictor.predict_split(data, split))
    fewest = methods.fewest_rows(level, method)
    if len(values) < fewest:
        raise InputError(
            f"{len(values)} rows in the split {split!r} cannot promise a coverage of {level:g}",
            expected=f"at least {fewest}",
            fix="lower level:, or give the split a larger share under data: split:",
        )
    targets = np.asarray(data.column(split, "target"), dtype=np.float64)
    order = np.random.default_rng(seed).permutation(len(values))
    band = methods.fit(values[order], targets[order], level=level, method=method)
    copy_all(model, out)
    spec = TransformSpec(number_predictions.INTERVAL, {**asdict(band), "level": level})
    return model.rewrite(out, parents=[model, data], answers=[*model.answers, spec])
