"""Measures what a classifier gains by answering only where it is sure. Knows no task by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.report import Findings, Report
from modelyard.core.step import step
from modelyard.methods import class_predictions, selective_report


@step(needs="labels", measures=selective_report.MEASURES)
def abstain(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    coverage: Annotated[float, Between(0.01, 1.0)] = 0.9,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Measure how right a classifier is on those rows that it is surest of.

    ``accuracy_at_coverage`` is the accuracy on the share ``coverage`` of the rows with the highest scores,
    ``abstention_threshold`` the score that they reach (what ``serve: {review: {confidence_below: …}}`` takes), and
    ``aurc`` the mean error rate over all coverages (Geifman and El-Yaniv 2017): 0 is best, the error rate of the model
    is what random abstention gives.

    Args:
        model: the classifier.
        data: rows with labels.
        split: name of the split to score on.
        coverage: share of the rows that are to be answered.
        confidence: of the intervals.
        seed: of the bootstrap that the interval of aurc comes from.
    """
    with Predictor(model) as predictor:
        outcome = class_predictions.ask(predictor, data, split)
    if outcome.n == 0:
        raise InputError(f"the split {split!r} has no rows", expected="rows to score", fix="choose another split")
    findings: Findings = selective_report.judge(
        np.asarray(outcome.score), outcome.right, coverage=coverage, confidence=confidence, seed=seed
    )
    return Report.write(out, findings, parents=[model, data])
