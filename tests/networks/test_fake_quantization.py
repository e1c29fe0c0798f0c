"""Rounding while training: known numbers, gradients, and what a network of few weights learns in spite of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from modelyard.networks import fake_quantization as fake
from modelyard.networks import folding
from modelyard.networks.efficientnet_lite import EfficientNetLiteConfig, EfficientNetLiteForImageClassification


def ready(low: float, high: float) -> fake.Range:
    found = fake.Range().eval()
    found(torch.tensor([low, high]))
    found.mode = "round"
    return found


def test_a_range_rounds_to_known_numbers() -> None:
    """From -1 to 1.55 in 255 steps of 0.01: zero is the hundredth."""
    values = ready(-1.0, 1.55)
    scale, zero = values.grid()
    assert float(scale) == pytest.approx(0.01)
    assert int(zero) == 100
    given = torch.tensor([0.0, 0.004, 0.006, -0.016, 9.0, -9.0])
    torch.testing.assert_close(values(given), torch.tensor([0.0, 0.0, 0.01, -0.02, 1.55, -1.0]))


@given(st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40))
def test_what_is_inside_of_a_range_moves_by_half_a_step_at_most(numbers: list[float]) -> None:
    given = torch.tensor(numbers)
    values = ready(min(numbers), max(numbers))
    scale = float(values.grid()[0])
    # The ends may fall half a step outside, since zero is on the grid.
    assert float((values(given) - given).abs().max()) <= scale * 1.001 + 1e-6
    assert float(values(torch.zeros(1))) == 0.0
    assert len(set(values(given).tolist())) <= 256


def test_the_range_widens_in_training_and_stands_still_elsewhere() -> None:
    values = ready(-1.0, 1.0)
    values(torch.tensor([-3.0, 5.0]))
    assert (float(values.low), float(values.high)) == (-1.0, 1.0)
    values.train()(torch.tensor([-3.0, 5.0]))
    assert float(values.low) == pytest.approx(-1.0 + fake.MOMENTUM * -2.0)
    assert float(values.high) == pytest.approx(1.0 + fake.MOMENTUM * 4.0)
    reached = float(values.low), float(values.high)
    values(torch.tensor([-0.5, 0.5]))
    assert (float(values.low), float(values.high)) == reached


def test_weights_have_a_scale_for_each_output() -> None:
    weight = torch.tensor([[0.5, -1.27, 0.004], [10.0, 12.7, -0.06], [0.0, 0.0, 0.0]])
    found = fake.Weights(127)(weight)
    torch.testing.assert_close(found, torch.tensor([[0.5, -1.27, 0.0], [10.0, 12.7, -0.1], [0.0, 0.0, 0.0]]))
    assert fake.Weights(64)(weight)[0].unique().numel() == 3
    whole = fake.Weights(64)(weight) / fake.Weights(64).scale(weight)[:, None]
    torch.testing.assert_close(whole, whole.round())
    assert float(whole.abs().max()) == pytest.approx(64)


def test_gradients_pass_the_rounding_and_stop_outside_of_the_range() -> None:
    given = torch.tensor([-9.0, -0.503, 0.2, 9.0], requires_grad=True)
    (ready(-1.0, 1.0)(given) * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert given.grad is not None
    assert given.grad.tolist() == [0.0, 2.0, 3.0, 0.0]
    weight = torch.randn(3, 4, requires_grad=True)
    fake.Weights(7)(weight).pow(2).sum().backward()
    assert weight.grad is not None
    torch.testing.assert_close(weight.grad, 2 * fake.Weights(7)(weight).detach())


def test_coarse_weights_are_learnt_around() -> None:
    """With weights of -1, 0 and 1 times a scale, a net that knew the answer forgets it and learns it again."""
    torch.manual_seed(0)
    rows = torch.randn(256, 8)
    answers = (rows[:, 0] * rows[:, 1] > 0).long()
    network: Any = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 2))

    def fit(steps: int) -> None:
        optimizer = torch.optim.Adam(network.train().parameters(), lr=0.01)
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(rows), answers).backward()
            optimizer.step()

    def right() -> float:
        with torch.no_grad():
            return float((network.eval()(rows).argmax(1) == answers).float().mean())

    fit(300)
    before = right()
    fake.prepare(network, limit=1)
    fake.observe(network, [{"input": rows}])
    rounded = right()
    fit(300)
    assert before > 0.98
    assert rounded < 0.9
    assert right() > rounded + 0.04


def test_folded_batch_norms_give_the_same_answers() -> None:
    torch.manual_seed(0)
    config = EfficientNetLiteConfig(
        stages=[[1, 3, 1, 1, 8], [2, 3, 2, 3, 12]], stem_channels=8, head_channels=16, image_size=32, num_labels=2
    )
    network: Any = EfficientNetLiteForImageClassification(config)
    images = {"pixel_values": torch.randn(4, 3, 32, 32)}
    with torch.no_grad():
        network.train()(**images)
        expected: Tensor = network.eval()(**images).logits
        assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
        folding.fold_batch_norms(network, images)
        found = network(**images).logits
    assert not any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)
