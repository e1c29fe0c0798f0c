"""``fit boosting``: trees one after the other, each mending what the ones before got wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step
from modelyard.steps.fit._estimator import RUNTIME, check_installed, fit


@step(needs="features", runtime=RUNTIME)
def boosting(
    data: Dataset,
    *,
    out: Path,
    task: str,
    max_iter: Annotated[int, Between(1, 100_000)] = 100,
    learning_rate: Annotated[float, Between(1e-6, 10.0)] = 0.1,
    max_leaf_nodes: Annotated[int, Between(2, 100_000)] = 31,
    min_samples_leaf: Annotated[int, Between(1, 1_000_000)] = 20,
    l2_regularization: Annotated[float, Between(0.0)] = 0.0,
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Fit gradient boosting over histograms of scikit-learn.

    Friedman 2001, Annals of Statistics 29; the histograms are LightGBM's (Ke and others 2017). It is fitted to the
    split train and kept as ONNX, with the same answers; its options have scikit-learn's names.

    Args:
        data: rows with the role features, and label or target.
        task: tabular-classification or tabular-regression.
        max_iter: number of trees (for each class, if there are more than two).
        learning_rate: share of each tree's answer that counts.
        max_leaf_nodes: most leaves of a tree.
        min_samples_leaf: fewest rows of a leaf.
        l2_regularization: penalty on the values of leaves.
        seed: of what is drawn.
    """
    check_installed()
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    given: dict[str, Any] = {
        "max_iter": max_iter,
        "learning_rate": learning_rate,
        "max_leaf_nodes": max_leaf_nodes,
        "min_samples_leaf": min_samples_leaf,
        "l2_regularization": l2_regularization,
        "early_stopping": False,
        "random_state": seed,
    }
    return fit(
        data,
        out,
        task=task,
        classifier=lambda: HistGradientBoostingClassifier(**given),
        regressor=lambda: HistGradientBoostingRegressor(**given),
    )
