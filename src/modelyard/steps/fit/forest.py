"""``fit forest``: many trees on resamples of the rows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.fit._estimator import RUNTIME, check_installed, fit


@step(needs="features", runtime=RUNTIME)
def forest(
    data: Dataset,
    *,
    out: Path,
    task: str,
    n_estimators: Annotated[int, Between(1, 10_000)] = 200,
    max_depth: Annotated[int, Between(1, 1000)] | None = None,
    min_samples_leaf: Annotated[int, Between(1, 1_000_000)] = 1,
    max_features: Annotated[float, Between(0.001, 1.0)] | None = None,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Fit a random forest of scikit-learn.

    Breiman 2001, Machine Learning 45. It is fitted to the split train and kept as ONNX, with the same answers; its
    options have scikit-learn's names. An answer is the average over all trees: more of them never
    hurt, but cost time.

    Args:
        data: rows with the role features, and label or target.
        task: tabular-classification or tabular-regression.
        n_estimators: number of trees.
        max_depth: longest path of a tree; left out, a tree grows until its leaves are pure.
        min_samples_leaf: fewest rows of a leaf.
        max_features: share of the features that each split chooses among; left out, their square root for classes and
            all for numbers.
        seed: of the resamples and the features.
    """
    check_installed()
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    given: dict[str, Any] = {
        "n_estimators": n_estimators,
        "max_depth": max_depth,
        "min_samples_leaf": min_samples_leaf,
        "random_state": seed,
        "n_jobs": -1,
    }
    return fit(
        data,
        out,
        task=task,
        classifier=lambda: RandomForestClassifier(max_features=max_features or "sqrt", **given),
        regressor=lambda: RandomForestRegressor(max_features=max_features or 1.0, **given),
    )
