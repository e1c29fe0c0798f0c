"""Explains rows by what attention lets through. Looks into the torch network; knows no task by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import faithfulness
from modelyard.steps.explain._inside import Inside
from modelyard.steps.explain._rows import Attribution, Subject, Wanted, report


@step(needs="units gradients", measures=faithfulness.MEASURES)
def attention(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    rows: Annotated[int, Between(1, 1000)] = 16,
    only: list[int] = [],  # noqa: B006
    label: str | None = None,
    units: Annotated[int, Between(2, 1024)] = 64,
    background: Annotated[int, Between(0, 1000)] = 20,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Explain answers by attention rollout: how much of each word or patch can reach the answer.

    Attention says what was looked at, not what it did: attributions are never against an answer, and are the same for
    every class. The scores beside random orders say how much that is worth for this model.

    Args:
        model: the model to explain, as it is trained (PyTorch).
        data: where the rows come from.
        split: name of the rows' split.
        rows: how many, taken evenly from the split.
        only: numbers of rows in their source, in place of an even choice.
        label: the class to explain, in rows that are given it (in any row that ``only`` names); none takes each row's
            own class.
        units: most parts of a text or image that the attributions are summed over and judged by.
        background: training rows whose values stand in for absent columns of a table when the attributions are
            judged; 0 for the mean.
        confidence: of the intervals.
        seed: of the noise, the background and the random orders that the scores are held against.
    """
    inside = Inside(model)

    def explain(subject: Subject) -> Attribution:
        return inside.attention(subject)

    wanted = Wanted(split, rows, only, label, units, background, seed, confidence)
    return report(model, data, out, wanted, explain)
