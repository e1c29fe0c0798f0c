"""Explains rows by the gradient of the answer. Looks into the torch network; knows no task by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.report import Report
from modelyard.core.step import step
from modelyard.methods import faithfulness
from modelyard.steps.explain._inside import Inside
from modelyard.steps.explain._rows import Attribution, Subject, Wanted, report


@step(needs="units gradients", measures=(*faithfulness.MEASURES, "completeness_delta", "completeness_share"))
def gradients(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    split: str = "test",
    rows: Annotated[int, Between(1, 1000)] = 16,
    only: list[int] = [],  # noqa: B006
    label: str | None = None,
    method: Literal["integrated", "smoothgrad", "gradcam"] = "integrated",
    steps: Annotated[int, Between(7, 10_000)] = 100,
    units: Annotated[int, Between(2, 1024)] = 64,
    background: Annotated[int, Between(0, 1000)] = 20,
    confidence: Annotated[float, Between(0.5, 0.999)] = 0.95,
    seed: int = 0,
) -> Report:
    """Explain answers by their gradient: integrated gradients, SmoothGrad or Grad-CAM.

    What is explained is the log-odds of the class, or the predicted number. ``completeness_delta`` (integrated) is what
    the attributions lack of the difference between the row and its baseline: padding for the words of a text, the
    median colour for an image, the mean for the columns of a table. Where it is not small beside that difference
    (``completeness_share``), take more steps.

    Args:
        model: the model to explain, as it is trained (PyTorch).
        data: where the rows come from.
        split: name of the rows' split.
        rows: how many, taken evenly from the split.
        only: numbers of rows in their source, in place of an even choice.
        label: the class to explain, in rows that are given it (in any row that ``only`` names); none takes each row's
            own class.
        method: integrated gradients, SmoothGrad, or Grad-CAM (convolutional networks over images).
        steps: points on the way from the baseline (integrated), placed where the answer changes; or noisy copies
            (smoothgrad).
        units: most parts of a text or image that the attributions are summed over and judged by.
        background: training rows whose values stand in for absent columns of a table when the attributions are
            judged; 0 for the mean.
        confidence: of the intervals.
        seed: of the noise, the background and the random orders that the scores are held against.
    """
    inside = Inside(model)

    def explain(subject: Subject) -> Attribution:
        return inside.gradients(subject, method, steps)

    wanted = Wanted(split, rows, only, label, units, background, seed, confidence)
    return report(model, data, out, wanted, explain)
