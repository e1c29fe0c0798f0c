"""Explains rows by what each part's absence costs. Runs the model as it is served; knows no task and no runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import coalitions, faithfulness
from modelyard.methods import occlusion as method
from modelyard.steps.explain._rows import Attribution, Subject, Wanted, report


@step(needs="units", measures=faithfulness.MEASURES)
def occlusion(
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
    """Explain answers by leaving out one word, patch or column at a time.

    The quickest method, and often good enough; parts that stand in for each other hide each other.

    Args:
        model: the model to explain, on any runtime.
        data: where the rows come from.
        split: name of the rows' split.
        rows: how many, taken evenly from the split.
        only: numbers of rows in their source, in place of an even choice.
        label: the class to explain, in rows that are given it (in any row that ``only`` names); none takes each row's
            own class.
        units: most parts of a text or image; words or patches are put together until they are so few.
        background: training rows whose values stand in for absent columns of a table; 0 for the mean.
        confidence: of the intervals.
        seed: of the background and of the random orders that the scores are held against.
    """

    def explain(subject: Subject) -> Attribution:
        base, _ = coalitions.ends(subject.value, len(subject.units))
        return Attribution(method.explain(subject.value, len(subject.units)), base)

    wanted = Wanted(split, rows, only, label, units, background, seed, confidence)
    return report(model, data, out, wanted, explain)
