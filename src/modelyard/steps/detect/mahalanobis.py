"""Attacked rows told by how far their features lie from every class. Knows no task by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines.attacking.gradients import Aim
from modelyard.methods import mahalanobis as methods
from modelyard.steps.detect import _moved
from modelyard.steps.detect._moved import Score
from modelyard.steps.detect._report import MEASURES


@step(needs="labels continuous", measures=MEASURES)
def mahalanobis(
    model: Model,
    data: Dataset,
    base: Model | None = None,
    *,
    out: Path,
    budget: Annotated[float, Between(0.0, 1000.0)] = 0.03,
    fitted_rows: Annotated[int, Between(10, 1_000_000)] = 2000,
    rows: Annotated[int, Between(1, 1_000_000)] = 500,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Tell attacked images or rows of a table by the distance of their features to every class.

    The features are what the network's last linear layer reads. Each class is a Gaussian with the covariance that all
    share, fitted on training rows; the score is the distance to the nearest (Lee et al. 2018).

    Args:
        model: the model that ships.
        data: rows with their labels, in the splits train and the one that is judged.
        base: the torch model that it was made from; its gradient is followed where the model shows none.
        budget: of the attack (pgd): a share of a pixel's range, or standard deviations.
        fitted_rows: rows of the split train that the classes are fitted on.
        rows: rows that are drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        device: where the network runs: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the rows and of the attack.
    """
    from modelyard.engines.attacking import gradients

    def fit(aim: Aim) -> Score:
        learned = gradients.read_values(model, data, "train", aim.space, rows=fitted_rows, seed=seed)
        fitted = methods.fit(aim.features(learned.values), learned.targets)
        return lambda values: fitted.distance(aim.features(values))

    return _moved.run(
        "mahalanobis",
        model,
        data,
        base,
        fit,
        out=out,
        budget=budget,
        rows=rows,
        split=split,
        confidence=confidence,
        device=device,
        seed=seed,
    )
