"""``uncertainty ensemble``: what several models say of the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.predictor import Predictor
from modelyard.core.progress import progress
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import class_predictions, uncertainty_report


@step(needs="labels", measures=uncertainty_report.MEASURES)
def ensemble(
    model: Model,
    data: Dataset,
    *others: Model,
    out: Path,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Measure how uncertain a model is by asking others that were trained apart from it.

    Deep ensembles (Lakshminarayanan et al. 2017): models of other seeds, folds or kinds agree where the rows decide,
    and differ where they do not know. The report holds the mean of all against the model alone, splits its entropy
    into what the rows leave open and what the models do not know, and says whether uncertain answers are the wrong
    ones (``error_auc``). ``ensemble average`` makes one model of them.

    Args:
        model: the model in question.
        data: rows with labels.
        others: one model or more with the same classes, on any runtime.
        split: name of the split to score on.
        confidence: of the intervals.
        seed: of the bootstrap.
    """
    if not others:
        raise InputError("no other models", expected="one or more", fix="others: [yard:name@alias]")
    outcomes = []
    with progress("asking", 1 + len(others)) as bar:
        for member in (model, *others):
            with Predictor(member) as predictor:
                outcomes.append(class_predictions.ask(predictor, data, split))
            bar.advance()
    if outcomes[0].n == 0:
        raise InputError(f"the split {split!r} has no rows", expected="rows to score", fix="choose another split")
    members = np.stack([outcome.probabilities for outcome in outcomes])
    findings = uncertainty_report.judge(outcomes[0], members, confidence=confidence, seed=seed)
    return Report.write(out, findings, parents=[model, data, *others])
