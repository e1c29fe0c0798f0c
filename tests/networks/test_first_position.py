"""The last layer's work on the first position: as deep a cut as is exact, and none where it is not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from modelyard.core.errors import InputError
from modelyard.networks import first_position

SMALL: dict[str, Any] = {"vocab_size": 50, "num_labels": 2, "pad_token_id": 0}
BATCH = {
    "input_ids": torch.tensor([[2, 7, 8, 9, 4, 5, 6, 3], [2, 7, 3, 0, 0, 0, 0, 0]]),
    "attention_mask": torch.tensor([[1] * 8, [1, 1, 1, 0, 0, 0, 0, 0]]),
}


def build(name: str) -> Any:
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    configs: dict[str, Any] = {
        "Bert": {**sizes, "intermediate_size": 128},
        "Electra": {**sizes, "intermediate_size": 128, "embedding_size": 32},
        "DistilBert": {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 128},
        "Llama": {**sizes, "intermediate_size": 64},
    }
    config = getattr(transformers, f"{name}Config")(**SMALL, **configs[name])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return getattr(transformers, f"{name}ForSequenceClassification")(config).eval()


def run(network: Any) -> tuple[torch.Tensor, int]:
    """Logits, and floating-point operations of the forward pass."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        logits: torch.Tensor = network(**BATCH).logits
    return logits, int(counter.get_total_flops())


@pytest.mark.parametrize("name", ["Bert", "Electra", "DistilBert"])
@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_the_deepest_cut_is_exact_and_can_be_taken_back(name: str, attention: str) -> None:
    network = build(name)
    network.set_attn_implementation(attention)
    whole, cost = run(network)
    assert first_position.find(network, [BATCH]) == "queries"
    undo = first_position.cut(network, "queries")
    found, less = run(network)
    torch.testing.assert_close(found, whole, atol=1e-6, rtol=1e-5)
    # Half of two layers, of which keys, values and attention stay.
    assert less < 0.67 * cost
    undo()
    assert run(network)[1] == cost


def test_the_shallow_cut_saves_less() -> None:
    network = build("Bert")
    costs = [run(network)[1]]
    for depth in reversed(first_position.DEPTHS):
        undo = first_position.cut(network, depth)
        costs.append(run(network)[1])
        undo()
    assert costs == sorted(costs, reverse=True)
    assert len(set(costs)) == 3


def test_a_decoder_is_left_alone() -> None:
    network = build("Llama")
    whole, cost = run(network)
    assert first_position.find(network, [BATCH]) is None
    assert torch.equal(run(network)[0], whole)
    assert run(network)[1] == cost
    with pytest.raises(InputError):
        first_position.cut(network, "feed-forward")
