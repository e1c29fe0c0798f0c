"""``uncertainty dropout``: many passes with dropout on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines import dropout_passes
from modelyard.methods import class_predictions, uncertainty_report


@step(needs="labels training gradients", measures=uncertainty_report.MEASURES)
def dropout(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    passes: Annotated[int, Between(2, 10_000)] = 20,
    rate: Annotated[float, Between(0.0, 0.9)] | None = None,
    device: str = "cpu",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Measure how uncertain a network is by answering many times with dropout on.

    Monte Carlo dropout (Gal and Ghahramani 2016): each pass drops other units, and the mean of the passes approximates
    a Bayesian answer. The report holds the mean against the plain answer, splits its entropy into what the rows leave
    open and what the model does not know, and says whether uncertain answers are the wrong ones (``error_auc``).

    Args:
        model: a classifier on the runtime torch that has dropout.
        data: rows with labels.
        split: name of the split to score on.
        passes: answers to each row.
        rate: dropout in all layers. Left out, the model's own.
        device: cpu, cuda or auto.
        confidence: of the intervals.
        seed: of what is dropped, and of the bootstrap.
    """
    with Predictor(model) as predictor:
        single = class_predictions.ask(predictor, data, split)
    if single.n == 0:
        raise InputError(f"the split {split!r} has no rows", expected="rows to score", fix="choose another split")
    members = dropout_passes.answer(model, data, split, passes=passes, dropout=rate, seed=seed, device=device)
    order = [model.labels.index(label) for label in single.labels]
    findings = uncertainty_report.judge(single, members[..., order], confidence=confidence, seed=seed)
    return Report.write(out, findings, parents=[model, data])
