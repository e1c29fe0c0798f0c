"""Our classifiers as the Adversarial Robustness Toolbox takes them, so that its attacks and detectors run on them.

Values are those that the budgets of ``attack`` count: pixels from 0 to 1 in the shape (rows, channels, height, width),
numbers of tables in standard deviations. ``eps=8/255`` means the same on both sides.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.model import Model
from modelyard.engines.attacking import gradients


def art_classifier(
    model: Model, data: Dataset, *, split: str = "test", rows: int | None = None, device: str = "cpu"
) -> tuple[Any, np.ndarray, np.ndarray]:
    """An ``art.estimators.classification.PyTorchClassifier`` and rows for it.

    Args:
        model: a classifier of images or tables on the runtime torch.
        data: where the rows come from, and how far the numbers of a table may go.
        split: of the rows.
        rows: how many, drawn with seed 0 as the attacks draw theirs; None for all.

    Returns:
        the estimator, values float32 (rows, …) and the numbers of their classes, int64 (rows,).

    Raises:
        InputError: a model of another kind, or on another runtime.
        MissingExtraError: the toolbox is not installed.
    """
    import torch

    try:
        from art.estimators.classification import PyTorchClassifier
    except ImportError:
        raise MissingExtraError("adversarial-robustness-toolbox", "dev") from None
    _check(model)
    with gradients.aim(model, None, data, device=device) as aim:
        chosen = gradients.read_values(model, data, split, aim.space, rows=rows)

        class Wrapped(torch.nn.Module):
            """Values in, logits out."""

            def __init__(self) -> None:
                super().__init__()
                self.network = aim.network

            def forward(self, values: Any) -> Any:
                return aim.logits(values)

        shape = chosen.values.shape[1:]
        ends = tuple(np.broadcast_to(end, shape).astype(np.float32) for end in (aim.low, aim.high))
        estimator = PyTorchClassifier(
            model=Wrapped().eval(),
            loss=torch.nn.CrossEntropyLoss(),
            input_shape=shape,
            nb_classes=len(model.labels),
            clip_values=ends,
            device_type="gpu" if aim.device.type == "cuda" else "cpu",
        )
    return estimator, chosen.values, chosen.targets


def _check(model: Model) -> None:
    from modelyard.core import lookup

    if "continuous" not in lookup.task(model.task).abilities:
        raise InputError(
            f"the toolbox cannot attack {model.task}",
            expected="a classifier of images or tables",
            fix="attack texts with attack typos, homoglyphs, words or insert",
        )
