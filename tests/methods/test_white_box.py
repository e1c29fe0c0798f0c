"""Attributions from inside a model, and surrogate trees: closed forms, and the reference implementation's splits."""

from __future__ import annotations

import numpy as np
import pytest

from modelyard.methods import (
    attention_rollout,
    decision_tree,
    grad_cam,
    integrated_gradients,
    purity,
    smoothgrad,
    surrogate_scores,
)

WEIGHTS = np.array([2.0, -1.0, 0.5])


def cubic(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x0³ + x1 x2, whose integral along a straight way is known."""
    values = points[:, 0] ** 3 + points[:, 1] * points[:, 2]
    return values, np.stack([3 * points[:, 0] ** 2, points[:, 2], points[:, 1]], axis=1)


def linear(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return points @ WEIGHTS, np.broadcast_to(WEIGHTS, points.shape)


def test_integrated_gradients_of_a_polynomial() -> None:
    found, delta = integrated_gradients.explain(cubic, np.array([2.0, 3.0, 4.0]), np.zeros(3), steps=7)
    assert np.allclose(found, [8, 6, 6])
    assert abs(delta) < 1e-9


def test_points_go_where_the_answer_changes_and_what_is_lacking_is_told() -> None:
    """A step of width 0.001: a hundred equal steps would mostly miss it."""
    points = []

    def steep(at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        points.append(at)
        level = 1 / (1 + np.exp(-(at - 0.3337) / 0.001))
        return level[:, 0], level * (1 - level) / 0.001

    _, coarse = integrated_gradients.explain(steep, np.array([1.0]), np.array([0.0]), steps=7)
    assert coarse == pytest.approx(-1, abs=1e-3)
    points.clear()
    found, delta = integrated_gradients.explain(steep, np.array([1.0]), np.array([0.0]), steps=200)
    assert len(np.concatenate(points)) <= 200
    assert abs(delta) < 0.005
    assert found[0] == pytest.approx(1, abs=0.005)


def test_smoothgrad_of_a_linear_function_is_its_coefficients() -> None:
    inputs, baseline = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.5, 0.5])
    found = smoothgrad.explain(linear, inputs, baseline, steps=7, seed=0)
    assert np.allclose(found, WEIGHTS * (inputs - baseline))


def test_grad_cam_weighs_maps_by_their_mean_gradient() -> None:
    maps = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 5.0]]])
    gradients = np.array([np.full((2, 2), 2.0), np.full((2, 2), -1.0)])
    found = grad_cam.explain(maps, gradients, 4, 4)
    assert found[0, 0] == pytest.approx(2)
    assert found.min() == 0
    assert found[3, 3] == 0


def test_enlarging_is_what_torch_does() -> None:
    torch = pytest.importorskip("torch")
    cells = np.random.default_rng(0).normal(size=(3, 5))
    reference = torch.nn.functional.interpolate(
        torch.from_numpy(cells)[None, None], size=(12, 11), mode="bilinear", align_corners=False
    )
    assert np.allclose(grad_cam.enlarge(cells, 12, 11), reference[0, 0].numpy())


def test_rollout_by_hand() -> None:
    """Two layers: the second one's first position takes half of its own and half of what token 1 had gathered."""
    first = np.array([[[1.0, 0, 0], [0, 0, 1.0], [0, 0, 1.0]]])
    second = np.array([[[0, 1.0, 0], [0, 1.0, 0], [0, 0, 1.0]]])
    assert np.allclose(attention_rollout.rollout([first, second]), [0.5, 0.25, 0.25])


def test_rollout_of_a_causal_model_is_read_at_the_end() -> None:
    causal = np.tril(np.ones((1, 4, 4)))
    causal /= causal.sum(axis=-1, keepdims=True)
    found = attention_rollout.rollout([causal, causal])
    assert found.sum() == pytest.approx(1)
    assert (found > 0).all()


def test_a_tree_is_scikit_learns() -> None:
    sklearn = pytest.importorskip("sklearn.tree")
    random = np.random.default_rng(0)
    inputs = random.normal(size=(300, 4))
    classes = (inputs[:, 0] > 0.3).astype(int) + (inputs[:, 1] * inputs[:, 0] > 0.1)
    tree = decision_tree.fit(inputs, np.eye(3)[classes], depth=4, smallest=5)
    reference = sklearn.DecisionTreeClassifier(max_depth=4, min_samples_leaf=5, random_state=0).fit(inputs, classes)
    assert np.allclose(tree.predict(inputs), reference.predict_proba(inputs))
    assert np.allclose(decision_tree.importances(tree, 4), reference.feature_importances_)
    numbers = decision_tree.fit(inputs, inputs[:, :1] ** 2 + inputs[:, 1:2], depth=3, smallest=5)
    other = sklearn.DecisionTreeRegressor(max_depth=3, min_samples_leaf=5).fit(inputs, inputs[:, 0] ** 2 + inputs[:, 1])
    assert np.allclose(numbers.predict(inputs)[:, 0], other.predict(inputs))


def test_a_tree_stops_where_nothing_is_gained() -> None:
    tree = decision_tree.fit(np.ones((20, 2)), np.arange(20.0)[:, None], depth=3, smallest=1)
    assert tree.below is None
    assert tree.predict(np.zeros((2, 2))).ravel().tolist() == [9.5, 9.5]
    ((path, leaf),) = tree.leaves()
    assert (path, leaf.rows) == ((), 20)


def test_fidelity_by_hand() -> None:
    model, tree = np.eye(2)[[0, 0, 0, 1, 1, 1]], np.eye(2)[[0, 0, 1, 1, 1, 0]]
    found = surrogate_scores.judge(tree, model, ["ham", "spam"], 0.95, 0)
    assert found["fidelity"].value == pytest.approx(4 / 6)
    assert found["fidelity_f1"].value == pytest.approx(2 / 3)
    numbers = surrogate_scores.judge(np.array([[1.0], [2.0], [4.0]]), np.array([[1.0], [2.0], [3.0]]), [], 0.95, 0)
    assert numbers["fidelity_r2"].value == pytest.approx(0.5)
    three = surrogate_scores.judge(np.eye(3)[[0, 1, 2]], np.eye(3)[[0, 1, 1]], ["a", "b", "c"], 0.95, 0)
    assert three["fidelity_f1"].value == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_purity_beside_chance() -> None:
    assert purity.share(["a", "b", "a", "a"]) == 0.75
    assert purity.by_chance(["a"] * 50 + ["b"] * 50, 4, seed=0) == pytest.approx(0.6875, abs=0.03)
    assert purity.mean([0.5, 1.0], 0.95, 0).value == 0.75
