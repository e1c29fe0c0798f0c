"""Explains rows by Shapley values. Runs the model as it is served; knows no task and no runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import coalitions, faithfulness, kernel_shap, owen
from modelyard.steps.explain._rows import Attribution, Subject, Wanted, report


@step(needs="units", measures=(*faithfulness.MEASURES, "additivity_error"))
def shap(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    method: Literal["kernel", "partition"] = "kernel",
    split: str = "test",
    rows: Annotated[int, Between(1, 1000)] = 16,
    only: list[int] = [],  # noqa: B006
    label: str | None = None,
    units: Annotated[int, Between(2, 1024)] = 64,
    background: Annotated[int, Between(0, 1000)] = 20,
    samples: Annotated[int, Between(10, 100_000)] = 512,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Explain answers by Shapley values: the mean of what each part adds (SHAP).

    ``kernel`` is exact where every set of parts fits into ``samples`` (2 to the power of their number), else Kernel
    SHAP. ``partition`` gives Owen values over halves of the row and halves of these: neighbours come and go together,
    so that fewer answers are needed (at most 3/4 of the square of the number of parts), and none to rows torn
    to shreds. The values add up to the answer less the answer without any part; that is checked, and it is an error
    if they do not.
    ``additivity_error`` is the distance of that sum from the model's answer to the row on its own: more than rounding
    where answers depend on what shares their batch, as those of ``quantize dynamic`` do.

    Args:
        model: the model to explain, on any runtime.
        data: where the rows come from.
        method: kernel or partition.
        split: name of the rows' split.
        rows: how many, taken evenly from the split.
        only: numbers of rows in their source, in place of an even choice.
        label: the class to explain, in rows that are given it (in any row that ``only`` names); none takes each row's
            own class.
        units: most parts of a text or image; words or patches are put together until they are so few.
        background: training rows whose values stand in for absent columns of a table; 0 for the mean.
        samples: sets of parts that the model is asked about, for each row (times the background).
        confidence: of the intervals.
        seed: of the samples, the background and of the random orders that the scores are held against.
    """

    def explain(subject: Subject) -> Attribution:
        count = len(subject.units)
        if method == "partition":
            weights = owen.explain(subject.value, owen.neighbours(subject.units), samples=samples)
        else:
            weights = kernel_shap.explain(subject.value, count, samples=samples, seed=subject.seed)
        base, _ = coalitions.ends(subject.value, count)
        error = abs(base + float(weights.sum()) - subject.answer)
        return Attribution(weights, base, figures={"additivity_error": error})

    wanted = Wanted(split, rows, only, label, units, background, seed, confidence)
    return report(model, data, out, wanted, explain)
