"""Any change of a small part of a row. Knows no task by name; the network comes from the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

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
def patch(
    model: Model,
    data: Dataset,
    base: Model | None = None,
    *,
    out: Path,
    budget: Annotated[float, Between(0.0, 1.0)] = 0.05,
    iterations: Annotated[int, Between(1, 10_000)] = 40,
    label: str | None = None,
    rows: Annotated[int, Between(1, 1_000_000)] = 500,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Attack a classifier of images or tables by changing a small part of each row as much as need be.

    The part is a square of the image, or some columns of the table's numbers, where the gradient is largest; inside it
    any value of the range is allowed, found by gradient steps (after Karmon et al. 2018, "LaVAN"). It stands for a
    sticker on an object, or for fields that a customer fills in.

    Args:
        model: the model that ships; every answer that counts is its own.
        data: rows with their labels; the split train says how far the numbers of a table may go.
        base: the torch model that it was made from; its gradient is followed where the model shows none.
        budget: share of the pixels or columns that may be changed; at least one of them.
        iterations: gradient steps.
        label: class that the attacked rows are of; null for all.
        rows: rows that are attacked, drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        device: where the network runs: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the rows and of what is drawn.
    """
    import torch

    from modelyard.networks.evasion import patch as place
    from modelyard.networks.evasion.pgd import pgd as method

    def attempt(aim: Aim, rows: Values, share: float) -> tuple[np.ndarray, np.ndarray]:
        whole = float((aim.high - aim.low).max())
        limits = aim.limits(whole)

        def one(logits: Any, values: Any, targets: Any, limits: Any) -> tuple[Any, Any]:
            mask = place.choose(logits, values, targets, limits.free, share)
            return method(
                logits,
                values,
                targets,
                replace(limits, free=mask),
                iterations=iterations,
                step_size=whole * 2.5 / iterations,
                start=torch.Generator().manual_seed(seed),
                until_wrong=aim.is_own,
            )

        return aim.craft(rows, limits, one, title="attacking with a patch")

    note = f"{iterations} steps inside the part of each row where the gradient is largest; other places may be worse."
    choice = Choice(split, label, rows, confidence, seed, device)
    return _gradients.run(
        "patch", model, data, base, choice, attempt, budget=budget, unit="share of the values", note=note, out=out
    )
