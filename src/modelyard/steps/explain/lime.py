"""Explains rows by LIME: a linear model around each. Runs the model as it is served; knows no task and no runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import faithfulness
from modelyard.methods import lime as method
from modelyard.steps.explain._rows import Attribution, Subject, Wanted, report


@step(needs="units", measures=(*faithfulness.MEASURES, "local_fit"))
def lime(
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
    samples: Annotated[int, Between(10, 100_000)] = 1000,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Explain answers by a linear model of what the model does near each row (LIME).

    Random parts of the row are left out again and again, and the weights of a regression over what was there are the
    explanation. ``local_fit`` is its R²: where it is low, the surroundings are not linear and SHAP says more.

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
        samples: rows with parts left out that the model is asked about, for each row (times the background).
        confidence: of the intervals.
        seed: of the samples, the background and of the random orders that the scores are held against.
    """

    def explain(subject: Subject) -> Attribution:
        found = method.explain(subject.value, len(subject.units), samples=samples, seed=subject.seed)
        return Attribution(found.weights, found.intercept, figures={"local_fit": found.fit})

    wanted = Wanted(split, rows, only, label, units, background, seed, confidence)
    return report(model, data, out, wanted, explain)
