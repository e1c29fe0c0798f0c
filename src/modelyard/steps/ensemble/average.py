"""Averages the answers of several models. Knows no runtime but the one that holds ensembles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.ensemble._members import combine


@step(runtime="ensemble", converts=True, needs="labels")
def average(*models: Model, out: Path, weights: list[Annotated[float, Between(0.0)]] | None = None) -> Model:
    """Answer with the mean of several models' probabilities.

    Models trained from different seeds or rows err in different places, and their mean is more often right and better
    calibrated than one of them (Lakshminarayanan et al., "Simple and scalable predictive uncertainty estimation using
    deep ensembles", 2017). It takes the time of all its members; ``distill`` makes one model of it.

    Args:
        models: two or more models of one task with the same classes, tokenizer and transforms, on any runtimes.
        weights: how much each model counts, in their order. Left out, all count the same.
    """
    return combine(models, out, "average", weights)
