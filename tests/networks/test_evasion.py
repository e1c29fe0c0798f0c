"""Attacks by gradient against closed forms for linear networks, and their limits as properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.networks.evasion import patch
from modelyard.networks.evasion.carlini_wagner import carlini_wagner
from modelyard.networks.evasion.limits import Limits, Norm
from modelyard.networks.evasion.pgd import Logits, fgsm, pgd

WEIGHTS = torch.tensor([[1.0, -2.0, 0.5], [-1.0, 1.0, 2.0]])
# Class 0 loses by what lies along WEIGHTS[1] - WEIGHTS[0] = (-2, 3, 1.5).
TOWARDS_1 = WEIGHTS[1] - WEIGHTS[0]
VALUES = torch.tensor([[0.9, 0.1, 0.2], [0.8, 0.3, 0.1]])
RIGHT = torch.tensor([0, 0])


def linear(values: torch.Tensor) -> torch.Tensor:
    return values @ WEIGHTS.T


def limits(epsilon: float, norm: Norm = "linf", *, low: float = -9.0, high: float = 9.0, grid: float = 0.0) -> Limits:
    least, most, free = (torch.full((1, 3), value) for value in (low, high, 1.0))
    return Limits(epsilon, norm, least, most, free, grid)


def test_the_fast_gradient_sign_method_is_the_sign_of_a_linear_network() -> None:
    expected = VALUES + 0.1 * TOWARDS_1.sign()
    assert torch.allclose(fgsm(linear, VALUES, RIGHT, limits(0.1)), expected)
    inside = fgsm(linear, VALUES, RIGHT, limits(0.3, low=0.0, high=1.0))
    assert torch.allclose(inside, (VALUES + 0.3 * TOWARDS_1.sign()).clamp(0, 1))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_many_steps_reach_the_best_point_of_the_ball(norm: Norm) -> None:
    direction = TOWARDS_1.sign() if norm == "linf" else TOWARDS_1 / TOWARDS_1.norm()
    moved, passes = pgd(linear, VALUES, RIGHT, limits(0.05, norm), iterations=10, step_size=0.01)
    assert torch.allclose(moved, VALUES + 0.05 * direction, atol=1e-6)
    assert passes.tolist() == [11, 11]


def test_the_answer_turns_exactly_where_the_closed_form_says() -> None:
    # Moving by epsilon changes the margin by epsilon times the dual norm of the difference of the weights.
    margin = -(VALUES @ TOWARDS_1)
    for norm, dual in (("linf", TOWARDS_1.abs().sum()), ("l2", TOWARDS_1.norm())):
        needed = margin / dual
        for factor, falls in ((0.98, False), (1.02, True)):
            for row in range(2):
                ball = limits(float(factor * needed[row]), "linf" if norm == "linf" else "l2")
                moved, _ = pgd(
                    linear, VALUES[row : row + 1], RIGHT[:1], ball, iterations=20, step_size=ball.epsilon / 8
                )
                assert bool(linear(moved).argmax(1) == 1) == falls


def test_the_shortest_change_is_the_distance_to_the_plane() -> None:
    distance = -(VALUES @ TOWARDS_1) / TOWARDS_1.norm()
    moved = carlini_wagner(linear, VALUES, RIGHT, limits(0.0, "l2"), iterations=100, searches=7, rate=0.01)
    assert (linear(moved).argmax(1) == 1).all()
    found = (moved - VALUES).norm(dim=1)
    assert ((found >= distance) & (found < 1.05 * distance)).all()


def test_a_row_that_is_wrong_already_stays() -> None:
    moved, passes = pgd(linear, VALUES, torch.tensor([1, 0]), limits(0.5), iterations=5, step_size=0.2)
    assert torch.equal(moved[0], VALUES[0])
    assert passes[0] == 1
    assert not torch.equal(moved[1], VALUES[1])


def test_a_patch_lies_where_the_gradient_is_largest() -> None:
    images = torch.zeros(1, 1, 6, 6)
    weights = torch.zeros(6, 6)
    weights[3:5, 1:3] = 1.0

    def logits(values: torch.Tensor) -> torch.Tensor:
        seen = (values * weights).sum(dim=(1, 2, 3))
        return torch.stack([-seen, seen], dim=1)

    mask = patch.choose(logits, images, torch.tensor([0]), torch.ones(1, 1, 1, 1), share=4 / 36)
    assert torch.equal(mask[0, 0], weights)
    columns = patch.choose(linear, VALUES, RIGHT, torch.tensor([[1.0, 0.0, 1.0]]), share=1 / 3)
    assert columns.tolist() == [[1.0, 0.0, 0.0]] * 2


def test_changes_are_cut_to_whole_steps_towards_the_row() -> None:
    origin = torch.tensor([[0.2, 0.4, 0.6]])
    moved = origin + torch.tensor([[0.19, -0.19, 0.2]])
    assert torch.allclose(limits(1.0, grid=0.1).settle(moved, origin), origin + torch.tensor([[0.1, -0.1, 0.2]]))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@settings(max_examples=25)
@given(seed=st.integers(0, 1000), epsilon=st.floats(0, 0.5), grid=st.sampled_from([0.0, 1 / 16]))
def test_no_attack_leaves_the_ball_the_range_or_the_grid(norm: Norm, seed: int, epsilon: float, grid: float) -> None:
    random = torch.Generator().manual_seed(seed)
    weights = torch.randn(4, 12, generator=random)
    values = torch.randint(0, 17, (5, 12), generator=random) / 16
    free = torch.ones(1, 12)
    free[0, :3] = 0
    ball = Limits(epsilon, norm, torch.zeros(1, 12), torch.ones(1, 12), free, grid)

    def network(rows: torch.Tensor) -> torch.Tensor:
        return torch.tanh(rows) @ weights.T

    right = network(values).argmax(1)
    for moved in (
        fgsm(network, values, right, ball),
        pgd(network, values, right, ball, iterations=4, step_size=epsilon, start=random)[0],
        carlini_wagner(network, values, right, ball, iterations=3, searches=2, rate=0.1),
    ):
        change = moved - values
        assert (change[:, :3] == 0).all()
        assert moved.min() >= -1e-6
        assert moved.max() <= 1 + 1e-6
        if grid:
            assert torch.allclose(moved * 16, (moved * 16).round(), atol=1e-3)
    change = fgsm(network, values, right, ball) - values
    sizes = change.abs().amax(1) if norm == "linf" else change.norm(dim=1)
    assert (sizes <= epsilon + 1e-5).all()


Estimator = tuple[Any, Logits, torch.Tensor, torch.Tensor]


def _network(inputs: int = 10, classes: int = 3) -> torch.nn.Module:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(inputs, 16), torch.nn.Tanh(), torch.nn.Linear(16, classes)]
    return torch.nn.Sequential(*layers)


@pytest.fixture(scope="module")
def art_estimator() -> Estimator:
    from art.estimators.classification import PyTorchClassifier

    network = _network()
    values = torch.rand(40, 10, generator=torch.Generator().manual_seed(1))
    loss = torch.nn.CrossEntropyLoss()
    estimator = PyTorchClassifier(network, loss, (10,), 3, clip_values=(0.0, 1.0), device_type="cpu")
    return estimator, network, values, network(values).argmax(1)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_toolbox_finds_the_same_points(norm: Norm, art_estimator: Estimator) -> None:
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent

    estimator, network, values, right = art_estimator
    order: float = np.inf if norm == "linf" else 2
    ball = Limits(0.5, norm, torch.zeros(1, 10), torch.ones(1, 10), torch.ones(1, 10))
    theirs = FastGradientMethod(estimator, norm=order, eps=0.5).generate(values.numpy(), right.numpy())
    assert np.allclose(fgsm(network, values, right, ball).numpy(), theirs, atol=1e-5)
    attack = ProjectedGradientDescent(estimator, norm=order, eps=0.5, eps_step=0.1, max_iter=7, verbose=False)
    theirs = attack.generate(values.numpy(), right.numpy())
    ours, _ = pgd(network, values, right, ball, iterations=7, step_size=0.1, until_wrong=False)
    assert np.allclose(ours.numpy(), theirs, atol=1e-5)
    early, passes = pgd(network, values, right, ball, iterations=7, step_size=0.1)
    assert ((network(early).argmax(1) == right) == (network(torch.from_numpy(theirs)).argmax(1) == right)).all()
    assert passes.sum() < 8 * len(values)
