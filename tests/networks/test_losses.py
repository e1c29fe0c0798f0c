"""The focal loss by its formula, and the plain one as its special case."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from modelyard.networks import losses

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [30.0, -30.0, 0.0]])
LABELS = torch.tensor([0, 2, 0])
WEIGHTS = torch.tensor([1.0, 2.0, 0.5])


@pytest.mark.parametrize("gamma", [0.5, 2.0, 5.0])
def test_the_focal_loss_is_its_formula(gamma: float) -> None:
    p = torch.softmax(LOGITS, 1)[torch.arange(3), LABELS].numpy()
    expected = (1 - p) ** gamma * -np.log(p)
    found = losses.cross_entropy(LOGITS, LABELS, None, torch.full((3,), gamma))
    assert float(found) == pytest.approx(expected.mean(), abs=1e-6)
    found = losses.cross_entropy(LOGITS, LABELS, WEIGHTS, torch.full((3,), gamma))
    assert float(found) == pytest.approx((expected * WEIGHTS.numpy()).mean(), abs=1e-6)


def test_an_exponent_of_zero_is_the_plain_loss() -> None:
    assert float(losses.cross_entropy(LOGITS, LABELS, WEIGHTS, torch.zeros(3))) == pytest.approx(
        float(losses.cross_entropy(LOGITS, LABELS, WEIGHTS))
    )


def test_a_row_that_is_quite_sure_has_a_finite_gradient() -> None:
    logits = LOGITS.clone().requires_grad_()
    losses.cross_entropy(logits, LABELS, None, torch.full((3,), 0.5)).backward()
    assert torch.isfinite(logits.grad).all()  # type: ignore[arg-type]
