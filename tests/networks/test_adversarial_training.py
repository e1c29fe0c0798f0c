"""The loss at moved rows against a closed form, and the features that a hooked network gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from modelyard.core.errors import InputError
from modelyard.networks import losses, penultimate
from modelyard.networks.evasion.limits import Limits
from modelyard.networks.evasion.training import adversarial_loss


class Linear(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor([[0.0, 0.0], [1.0, -2.0]]))

    def forward(self, features: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.layer(features)}


def test_the_loss_of_a_linear_network_is_that_of_its_margin_less_the_norm() -> None:
    # With offset 1 and unit 2 a value moves the input twice as far: margin less 0.1 * 2 * (1 + 2).
    batch = {"features": torch.tensor([[3.0, 0.5]]), "labels": torch.tensor([1])}
    low, high, free = (torch.full((1, 2), value) for value in (-9.0, 9.0, 1.0))
    limits = Limits(0.1, "linf", low, high, free)
    network = Linear().train()
    options: dict[str, Any] = {"name": "features", "offset": torch.tensor(1.0), "unit": torch.tensor(2.0)}
    clean, moved = (torch.log1p(torch.exp(torch.tensor(-margin))) for margin in (2.0, 2.0 - 0.6))
    for share in (1.0, 0.25):
        mixed = adversarial_loss(losses.classifier_loss, limits, iterations=10, share=share, **options)
        value = mixed(network, batch, None)
        assert value.item() == pytest.approx(float(share * moved + (1 - share) * clean), abs=1e-5)
        value.backward()
        assert network.training


def test_features_are_what_the_last_linear_layer_reads() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    rows = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    found = penultimate.features(network, lambda: network(rows))
    assert torch.equal(found, network[:2](rows))
    with pytest.raises(InputError, match="no linear layer"):
        penultimate.features(torch.nn.ReLU(), lambda: None)
