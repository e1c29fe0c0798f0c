"""Scores a model on one split of a dataset. Knows no measure: the model's task does the scoring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.step import step


@step(scores=True)
def evaluate(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Measure how good a model is, with a confidence interval for every number.

    Which measures there are depends on the model's task. The report keeps the answer to every row, so that
    another model's evaluation of the same rows can be compared with it row by row.

    Args:
        model: the model to score.
        data: the dataset; raw, or transformed by the first of the model's own transforms.
        split: name of the split to score on.
        confidence: of the intervals; a requirement with another confidence needs an evaluation of its own.
        seed: of the bootstrap that some intervals come from.
    """
    with Predictor(model) as predictor:
        findings = predictor.task.evaluate(predictor, data, split, confidence=confidence, seed=seed)
    return Report.write(out, findings, parents=[model, data])
