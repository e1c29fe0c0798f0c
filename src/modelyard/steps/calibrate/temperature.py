"""``calibrate temperature``: one number for all answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.step import step
from modelyard.methods import temperature as method
from modelyard.steps.calibrate._fitting import fit

NOTHING = 1e-30
"""A probability that was zero, after it went through logits in float32."""


@step(needs="labels", converts=True)
def temperature(model: Model, data: Dataset, *, out: Path, split: str = "validation") -> Model:
    """Make a classifier as sure as it is right, by one temperature.

    Probabilities become softmax(log p / T), with the T of the least log loss on ``split`` (Guo et al. 2017). No answer
    changes, only how sure it is. The temperature travels with the model: every runtime and the server answer with it.
    In a recipe, put it after the last step that changes the weights; ``evaluate`` then says ``calibration_error``
    before and after on rows that it was not fitted to. A forest of few trees, which gives classes no probability
    at all, cannot be mended so: take ``calibrate isotonic``.

    Args:
        model: the classifier, on any runtime.
        data: rows with labels that the model did not learn from.
        split: the rows to fit to; not those of the last test.
    """

    def choose(probabilities: np.ndarray, targets: np.ndarray) -> tuple[dict[str, Any], np.ndarray]:
        _check_zeros(probabilities[np.arange(len(targets)), targets])
        found = method.fit(probabilities, targets)
        return {"temperature": found}, method.scale(probabilities, found)

    return fit(model, data, out, name="temperature", split=split, choose=choose)


def _check_zeros(given: np.ndarray) -> None:
    if zeros := int((given < NOTHING).sum()):
        raise InputError(
            f"the right class of {zeros} of {len(given)} rows has no probability at all, and no temperature lifts that",
            expected="a model whose probabilities are never zero",
            fix="calibrate isotonic, or a forest of more trees",
        )
