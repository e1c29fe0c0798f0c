"""``calibrate isotonic``: a rising curve for each class."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.step import step
from modelyard.methods import isotonic as method
from modelyard.steps.calibrate._fitting import fit


@step(needs="labels", converts=True)
def isotonic(model: Model, data: Dataset, *, out: Path, split: str = "validation") -> Model:
    """Make a classifier as sure as it is right, by a rising curve for each class.

    The curve is the rising function that fits best how often the class was right at each score, one class against the
    rest (Zadrozny and Elkan 2002). It bends where one temperature cannot, and over-fits on fewer than a thousand rows:
    take ``calibrate temperature`` there. An answer may change where two classes are close. It travels with the model.

    Args:
        model: the classifier, on any runtime.
        data: rows with labels that the model did not learn from.
        split: the rows to fit to; not those of the last test.
    """

    def choose(probabilities: np.ndarray, targets: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        curves = method.fit(probabilities, targets)
        return {"curves": [asdict(curve) for curve in curves]}, method.scale(probabilities, curves)

    return fit(model, data, out, name="isotonic", split=split, choose=choose)
