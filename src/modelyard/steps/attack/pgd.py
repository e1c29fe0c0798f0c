"""Many small steps along the gradient, kept within a ball. Knows no task by name; the network is the model's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

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
def pgd(
    model: Model,
    data: Dataset,
    base: Model | None = None,
    *,
    out: Path,
    budget: Annotated[float, Between(0.0, 1000.0)] = 0.03,
    norm: Literal["linf", "l2"] = "linf",
    iterations: Annotated[int, Between(1, 10_000)] = 20,
    step_size: Annotated[float, Between(0.0, 1000.0)] | None = None,
    random_start: bool = True,
    label: str | None = None,
    rows: Annotated[int, Between(1, 1_000_000)] = 500,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Attack a classifier of images or tables by projected gradient descent.

    Each row climbs the loss in small steps and is brought back into the ball of the budget after each (Madry et al.
    2018); it is left alone as soon as its answer is wrong. Images are judged in whole steps of 8 bits.

    Args:
        model: the model that ships; every answer that counts is its own.
        data: rows with their labels; the split train says how far the numbers of a table may go.
        base: the torch model that it was made from; its gradient is followed where the model shows none.
        budget: radius of the ball: a share of a pixel's range (0.03 is 8 of 255), or standard deviations of a number in
            a table.
        norm: linf bounds the change of each value, l2 the length of all changes together.
        iterations: steps.
        step_size: of one step; left out, 2.5 budgets shared among the iterations.
        random_start: begin at a random point of the ball, not at the row.
        label: class that the attacked rows are of; null for all.
        rows: rows that are attacked, drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        device: where the network runs: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the rows and of what is drawn.
    """
    import torch

    from modelyard.networks.evasion.pgd import pgd as method

    def attempt(aim: Aim, rows: Values, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        size = epsilon * (2.5 / iterations if step_size is None else step_size / budget if budget else 0.0)
        return aim.craft(
            rows,
            aim.limits(epsilon, norm),
            lambda *batch: method(
                *batch,
                iterations=iterations,
                step_size=size,
                start=torch.Generator().manual_seed(seed) if random_start else None,
                # A model that was converted may answer otherwise than the network: there every step is taken.
                until_wrong=aim.is_own,
            ),
            title="attacking with pgd",
        )

    note = f"{iterations} steps in the {norm} ball{' from a random start' if random_start else ''}."
    choice = Choice(split, label, rows, confidence, seed, device)
    return _gradients.run("pgd", model, data, base, choice, attempt, budget=budget, unit="", note=note, out=out)
