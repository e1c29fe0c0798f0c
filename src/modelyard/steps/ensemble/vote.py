"""Lets several models vote. Knows no runtime but the one that holds ensembles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.ensemble._members import combine


@step(runtime="ensemble", converts=True, needs="labels")
def vote(*models: Model, out: Path, weights: list[Annotated[float, Between(0.0)]] | None = None) -> Model:
    """Answer with the class that most of several models choose.

    The score of a class is its share of the votes; a tie goes to the class with the larger mean probability. Scores
    are coarse: take ``ensemble average`` where probabilities matter.

    Args:
        models: two or more models of one task with the same classes, tokenizer and transforms, on any runtimes.
        weights: how much each model counts, in their order. Left out, all count the same.
    """
    return combine(models, out, "vote", weights)
