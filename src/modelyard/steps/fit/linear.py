"""``fit linear``: logistic regression for classes, ridge regression for numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.fit._estimator import RUNTIME, check_installed, fit


@step(needs="features", runtime=RUNTIME)
def linear(
    data: Dataset,
    *,
    out: Path,
    task: str,
    l2: Annotated[float, Between(1e-9, 1e9)] = 1.0,
    max_iter: Annotated[int, Between(1, 1_000_000)] = 1000,
) -> Model:
    """Fit a linear model of scikit-learn: the baseline that every other model has to beat.

    Logistic regression (``C = 1 / l2``) or ridge regression (``alpha = l2``) on standardized features. It is fitted to
    the split train and kept as ONNX, with the same answers.

    Args:
        data: rows with the role features, and label or target.
        task: tabular-classification or tabular-regression.
        l2: penalty on the squared weights.
        max_iter: most steps of the solver.
    """
    check_installed()
    from sklearn.linear_model import LogisticRegression, Ridge

    return fit(
        data,
        out,
        task=task,
        classifier=lambda: LogisticRegression(C=1 / l2, max_iter=max_iter),
        regressor=lambda: Ridge(alpha=l2, max_iter=max_iter),
    )
