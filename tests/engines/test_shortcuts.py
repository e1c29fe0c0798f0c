"""Shortcuts of the training step: cheaper, and the same mathematics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from modelyard.engines.training.shortcuts import Dropout, skip_unread_positions, use_cheap_dropout
from modelyard.testing import tiny


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoModelForSequenceClassification

    folder: Path = tiny.write_encoder(tmp_path_factory.mktemp("shortcuts") / "bert")
    return AutoModelForSequenceClassification.from_pretrained(folder).eval()


BATCH = {
    "input_ids": torch.tensor([[2, 7, 8, 9, 3], [2, 7, 3, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
}


def flops(network: Any) -> int:
    with FlopCounterMode(display=False) as counter:
        network(**BATCH).logits.sum().backward()
    return int(counter.get_total_flops())


def test_the_last_layer_skips_positions_that_the_head_does_not_read(bert: Any) -> None:
    whole, cost = bert(**BATCH).logits, flops(bert)
    undo = skip_unread_positions(bert, BATCH)
    assert flops(bert) < 0.9 * cost
    torch.testing.assert_close(bert(**BATCH).logits, whole, atol=1e-6, rtol=1e-5)
    undo()
    assert flops(bert) == cost


def test_gradients_stay_what_they_were(bert: Any) -> None:
    def gradients() -> dict[str, torch.Tensor]:
        bert.zero_grad()
        bert(**BATCH).logits[:, 0].sum().backward()
        return {name: weight.grad.clone() for name, weight in bert.named_parameters() if weight.grad is not None}

    expected = gradients()
    undo = skip_unread_positions(bert, BATCH)
    found = gradients()
    undo()
    assert expected.keys() == found.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, atol=1e-6, rtol=1e-4)


class Mean(torch.nn.Module):
    """Reads every position."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = torch.nn.Linear(1, 2)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.attention(input_ids[..., None].float()).mean(1)}


def test_a_head_that_reads_every_position_is_left_alone() -> None:
    network = Mean()
    whole = network(**BATCH)["logits"]
    skip_unread_positions(network, BATCH)
    assert torch.equal(network(**BATCH)["logits"], whole)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    given = torch.ones(1001, 999, requires_grad=True)
    found = Dropout(rate)(given)
    assert float((found == 0).double().mean()) == pytest.approx(rate, abs=0.002)
    assert float(found.detach().double().mean()) == pytest.approx(1, abs=0.003)
    found.sum().backward()
    assert given.grad is not None
    assert torch.equal(given.grad, found)


def test_dropout_is_off_outside_training_and_at_rate_zero() -> None:
    given = torch.ones(8)
    assert Dropout(0.0)(given) is given
    assert Dropout(0.5).eval()(given) is given


def test_every_dropout_layer_is_replaced(bert: Any) -> None:
    before = [name for name, module in bert.named_modules() if type(module) is torch.nn.Dropout]
    use_cheap_dropout(bert)
    assert [name for name, module in bert.named_modules() if type(module) is Dropout] == before
