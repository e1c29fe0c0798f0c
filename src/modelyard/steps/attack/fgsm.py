"""One step along the gradient of the loss. Knows no task by name; the network comes from the model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.engines.attacking.gradients import Aim, Values
from modelyard.methods.robustness import MEASURES
from modelyard.steps.attack import _gradients
from modelyard.steps.attack._gradients import Choice


@step(needs="labels continuous", measures=MEASURES)
def fgsm(
    model: Model,
    data: Dataset,
    base: Model | None = None,
    *,
    out: Path,
    budget: Annotated[float, Between(0.0, 1000.0)] = 0.03,
    label: str | None = None,
    rows: Annotated[int, Between(1, 1_000_000)] = 500,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Attack a classifier of images or tables by the fast gradient sign method.

    Every value moves by the budget, up or down as raises the loss (Goodfellow et al. 2015). The quickest and weakest of
    these attacks: what withstands it may still fall to ``attack pgd``.

    Args:
        model: the model that ships; every answer that counts is its own.
        data: rows with their labels; the split train says how far the numbers of a table may go.
        base: the torch model that it was made from; its gradient is followed where the model shows none.
        budget: how far each value may move: a share of a pixel's range (0.03 is 8 of 255), or standard deviations of a
            number in a table.
        label: class that the attacked rows are of; null for all.
        rows: rows that are attacked, drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        device: where the network runs: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the rows and of what is drawn.
    """
    # It loads torch, which a step's file may do only when it runs.
    from modelyard.networks.evasion.pgd import fgsm as method

    def attempt(aim: Aim, rows: Values, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        return aim.craft(
            rows, aim.limits(epsilon), lambda *batch: (method(*batch), [1] * len(batch[1])), title="attacking with fgsm"
        )

    note = "One step of the whole budget along the sign of the gradient; attack pgd is stronger."
    choice = Choice(split, label, rows, confidence, seed, device)
    return _gradients.run("fgsm", model, data, base, choice, attempt, budget=budget, unit="", note=note, out=out)
