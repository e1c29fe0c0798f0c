"""The shortest change that turns an answer. Knows no task by name; the network comes from the model."""

from __future__ import annotations

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
def cw(
    model: Model,
    data: Dataset,
    base: Model | None = None,
    *,
    out: Path,
    budget: Annotated[float, Between(0.0, 1000.0)] = 1.0,
    iterations: Annotated[int, Between(1, 100_000)] = 100,
    searches: Annotated[int, Between(1, 50)] = 5,
    rate: Annotated[float, Between(1e-6, 10.0)] = 0.05,
    label: str | None = None,
    rows: Annotated[int, Between(1, 1_000_000)] = 100,
    split: str = "test",
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    device: str = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Report:
    """Attack a classifier of images or tables with the shortest change, after Carlini and Wagner (2017).

    For each row the attack looks for the change of least Euclidean length that makes the answer wrong; a row counts as
    robust where that is longer than the budget. Slow and thorough.

    Args:
        model: the model that ships; every answer that counts is its own.
        data: rows with their labels; the split train says how far the numbers of a table may go.
        base: the torch model that it was made from; its gradient is followed where the model shows none.
        budget: length that a change may have: the root of the summed squares, of shares of pixels' ranges or of
            standard deviations.
        iterations: steps of Adam in each search.
        searches: how often the weight of the misclassification against the length is halved or raised.
        rate: of Adam.
        label: class that the attacked rows are of; null for all.
        rows: rows that are attacked, drawn from the split.
        split: name of the split.
        confidence: of the intervals.
        device: where the network runs: cpu, cuda, cuda:N, or auto for a CUDA device where there is one.
        seed: of the rows and of what is drawn.
    """
    from modelyard.networks.evasion.carlini_wagner import carlini_wagner

    found: list[tuple[np.ndarray, np.ndarray]] = []

    def attempt(aim: Aim, rows: Values, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
        if not found:
            # One search gives the shortest change, which tells of every budget.
            def method(*batch: Any) -> tuple[Any, Any]:
                moved = carlini_wagner(*batch, iterations=iterations, searches=searches, rate=rate)
                return moved, [2 * iterations * searches] * len(moved)

            found.append(aim.craft(rows, aim.limits(0.0, "l2"), method, title="attacking with cw"))
        moved, passes = found[0]
        length = np.sqrt(((moved - rows.values) ** 2).reshape(len(moved), -1).sum(axis=1))
        within = (length <= epsilon).reshape(-1, *[1] * (moved.ndim - 1))
        return np.where(within, moved, rows.values), passes

    note = f"{searches} searches of {iterations} steps for the shortest change in the Euclidean norm."
    choice = Choice(split, label, rows, confidence, seed, device)
    return _gradients.run("cw", model, data, base, choice, attempt, budget=budget, unit="", note=note, out=out)
