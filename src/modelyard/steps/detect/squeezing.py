"""Attacked rows told by how much their answer hangs on fine detail. Knows no task by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines.attacking.gradients import Aim
from modelyard.methods import squeezing as methods
from modelyard.steps.detect import _moved
from modelyard.steps.detect._moved import Score
from modelyard.steps.detect._report import MEASURES

IMAGES = 4
"""Axes of a batch of images."""


@step(needs="labels continuous", measures=MEASURES)
def squeezing(
    model: Model,
    data: Dataset,
    base: Model | None = None,
    *,
    out: Path,
    budget: Annotated[float, Between(0.0, 1000.0)] = 0.03,
    coarse: Annotated[float, Between(1e-6, 1000.0)] | None = None,
    rows: Annotated[int, Between(1, 1_000_000)] = 500,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Tell attacked images or rows of a table by feature squeezing.

    The model answers a row twice or three times: as it is, with its values rounded coarsely, and, for images, smoothed
    by a median (Xu et al. 2018). How far the probabilities move is the score. Any runtime will do; the attacked
    rows that it is judged on come from the network behind the model.

    Args:
        model: the model that ships.
        data: rows with their labels, in the splits train and the one that is judged.
        base: the torch model that it was made from; its gradient is followed where the model shows none.
        budget: of the attack (pgd): a share of a pixel's range, or standard deviations.
        coarse: what values are rounded to; left out, an eighth of the range of all values.
        rows: rows that are drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        device: where the network runs: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the rows and of the attack.
    """

    def fit(aim: Aim) -> Score:
        step_size = coarse or float((aim.high - aim.low).max()) / 8

        def score(values: np.ndarray) -> np.ndarray:
            before = aim.probabilities(values)
            squeezed = [methods.coarser(values, step_size)]
            if values.ndim == IMAGES:
                squeezed.append(methods.smoother(values))
            return np.asarray(np.max([methods.distance(before, aim.probabilities(each)) for each in squeezed], axis=0))

        return score

    return _moved.run(
        "squeezing",
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
