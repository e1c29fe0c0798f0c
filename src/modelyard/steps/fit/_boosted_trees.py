"""Boosted histogram trees of scikit-learn as one ONNX node.

skl2onnx 1.20 cannot write them with this protobuf (it hands on truth values where whole numbers must stand). Knows
splits of numbers only: categories were made numbers before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

DOMAIN = "ai.onnx.ml"


def to_node(estimator: Any, features: str, scores: str) -> Any:
    """The ``TreeEnsembleRegressor`` from float features to the raw scores of a fitted ``HistGradientBoosting…``.

    Raw scores are the logits of the classes, the log-odds of the second of two classes, or the number itself. The
    answers are scikit-learn's, up to the rounding of sums in float32.
    """
    import onnx

    trees = [(place, tree) for each in estimator._predictors for place, tree in enumerate(each)]
    nodes = [_nodes(number, tree.nodes) for number, (_, tree) in enumerate(trees)]
    leaves = [_leaves(number, place, tree.nodes) for number, (place, tree) in enumerate(trees)]
    attributes = {name: np.concatenate([part[name] for part in nodes]).tolist() for name in nodes[0]}
    attributes |= {name: np.concatenate([part[name] for part in leaves]).tolist() for name in leaves[0]}
    base = np.asarray(estimator._baseline_prediction, dtype=np.float64).ravel()
    return onnx.helper.make_node(
        "TreeEnsembleRegressor",
        [features],
        [scores],
        "trees",
        domain=DOMAIN,
        n_targets=len(base),
        base_values=base.tolist(),
        aggregate_function="SUM",
        post_transform="NONE",
        **attributes,
    )


def _nodes(tree: int, nodes: np.ndarray) -> dict[str, np.ndarray]:
    is_leaf = nodes["is_leaf"].astype(bool)
    return {
        "nodes_treeids": np.full(len(nodes), tree),
        "nodes_nodeids": np.arange(len(nodes)),
        "nodes_featureids": np.where(is_leaf, 0, nodes["feature_idx"]),
        "nodes_values": np.where(is_leaf, 0.0, _not_above(nodes["num_threshold"])),
        "nodes_modes": np.where(is_leaf, "LEAF", "BRANCH_LEQ"),
        "nodes_truenodeids": np.where(is_leaf, 0, nodes["left"]),
        "nodes_falsenodeids": np.where(is_leaf, 0, nodes["right"]),
    }


def _not_above(thresholds: np.ndarray) -> np.ndarray:
    """The largest float32 not above each threshold: a float32 is on the same side of both."""
    with np.errstate(over="ignore"):
        rounded = thresholds.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.clip(np.where(rounded > thresholds, lower, rounded), np.finfo(np.float32).min, np.finfo(np.float32).max)


def _leaves(tree: int, place: int, nodes: np.ndarray) -> dict[str, np.ndarray]:
    leaves = np.flatnonzero(nodes["is_leaf"])
    return {
        "target_treeids": np.full(len(leaves), tree),
        "target_nodeids": leaves,
        "target_ids": np.full(len(leaves), place),
        "target_weights": nodes["value"][leaves],
    }
