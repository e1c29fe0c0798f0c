"""Surgery on tiny transformers: what is taken out leaves the answers that it should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.networks import blocks, feed_forward, heads, importance, pretrained

SMALL: dict[str, Any] = {"vocab_size": 50, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
BATCH = {
    "input_ids": torch.tensor([[2, 7, 8, 9, 3], [2, 7, 3, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]),
    "labels": torch.tensor([0, 1]),
}
INPUTS = {name: tensor for name, tensor in BATCH.items() if name != "labels"}


def bert() -> Any:
    config = transformers.BertConfig(**SMALL, intermediate_size=64)
    return transformers.BertForSequenceClassification(config)


def distilbert() -> Any:
    config = transformers.DistilBertConfig(vocab_size=50, dim=32, n_layers=3, n_heads=4, hidden_dim=64)
    return transformers.DistilBertForSequenceClassification(config)


def gpt2() -> Any:
    config = transformers.GPT2Config(vocab_size=50, n_embd=32, n_layer=3, n_head=4, pad_token_id=0)
    return transformers.GPT2ForSequenceClassification(config)


def llama() -> Any:
    config = transformers.LlamaConfig(**SMALL, num_key_value_heads=2, intermediate_size=64, pad_token_id=0)
    return transformers.LlamaForSequenceClassification(config)


def build(make: Callable[[], Any]) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make().eval()


def logits(network: Any) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = network(**INPUTS).logits
        return found


def loss(network: Any, batch: Any, weights: Any) -> Any:
    return network(**batch).loss


def reopened(network: Any, folder: Path) -> torch.Tensor:
    network.save_pretrained(folder)
    return logits(pretrained.load(type(network), folder))


@pytest.mark.parametrize("make", [bert, distilbert, gpt2, llama])
def test_dead_neurons_have_no_importance_and_are_missed_by_nobody(make: Callable[[], Any], tmp_path: Path) -> None:
    network = build(make)
    dead, width = np.array([1, 5, 40]), feed_forward.find(network)[0].width
    with torch.no_grad():
        for part in feed_forward.find(network):
            weight = part.down.weight
            (weight if make is gpt2 else weight.T)[dead] = 0
    whole = logits(network)
    parts = [(part.down, part.width) for part in feed_forward.find(network)]
    scores = importance.of_inputs(network, parts, [BATCH], loss)
    for layer in scores:
        assert np.flatnonzero(layer == 0).tolist() == dead.tolist()
    feed_forward.keep(network, [np.delete(np.arange(width), dead)] * 3)
    torch.testing.assert_close(logits(network), whole)
    torch.testing.assert_close(reopened(network, tmp_path), whole)
    plain = type(network).from_pretrained(tmp_path)
    assert feed_forward.find(plain)[0].width == width - 3
    torch.testing.assert_close(logits(plain.eval()), whole)


@pytest.mark.parametrize("make", [bert, distilbert, llama])
def test_dead_heads_have_no_importance_and_are_missed_by_nobody(make: Callable[[], Any], tmp_path: Path) -> None:
    network = build(make)
    count = heads.find(network)[0].heads
    assert count == (2 if make is llama else 4)
    with torch.no_grad():
        for attention in heads.find(network):
            attention.output.weight[:, : 32 // count] = 0
    whole = logits(network)
    parts = [(attention.output, count) for attention in heads.find(network)]
    for layer in importance.of_inputs(network, parts, [BATCH], loss):
        assert np.flatnonzero(layer == 0).tolist() == [0]
    heads.keep(network, [np.arange(1, count), np.arange(count), np.arange(1, count)])
    torch.testing.assert_close(logits(network), whole)
    torch.testing.assert_close(reopened(network, tmp_path), whole)


@pytest.mark.parametrize("make", [bert, distilbert, gpt2, llama])
def test_without_layers_it_is_the_network_that_skips_them(make: Callable[[], Any], tmp_path: Path) -> None:
    network = build(make)
    with blocks.skipped(blocks.find(network)[1]):
        expected = logits(network)
    assert not torch.equal(logits(network), expected)
    blocks.keep(network, [0, 2])
    assert torch.equal(logits(network), expected)
    network.save_pretrained(tmp_path)
    plain = type(network).from_pretrained(tmp_path).eval()
    assert plain.config.num_hidden_layers == 2
    assert torch.equal(logits(plain), expected)


def test_lists_with_an_entry_a_layer_follow() -> None:
    kinds = ["full_attention", "sliding_attention", "full_attention"]
    special: dict[str, Any] = {
        "pad_token_id": 0,
        "cls_token_id": 2,
        "sep_token_id": 3,
        "bos_token_id": 2,
        "eos_token_id": 3,
    }
    config = transformers.ModernBertConfig(**SMALL, **special, intermediate_size=64, layer_types=kinds)
    network = build(lambda: transformers.ModernBertForSequenceClassification(config))
    blocks.keep(network, [1, 2])
    assert network.config.layer_types == ["sliding_attention", "full_attention"]


def test_a_layer_that_adds_nothing_has_no_importance() -> None:
    network = build(llama)
    with torch.no_grad():
        for attention, part in [(heads.find(network)[1], feed_forward.find(network)[1])]:
            attention.output.weight.zero_()
            part.down.weight.zero_()
    scores = importance.of_blocks(network, list(blocks.find(network)), [BATCH], loss)
    assert np.flatnonzero(scores == 0).tolist() == [1]


def test_importance_is_the_slope_of_the_loss() -> None:
    """Against finite differences: a row's loss when one neuron's output is scaled."""
    network = build(bert).double()
    row = {name: tensor[:1] for name, tensor in BATCH.items()}
    part = feed_forward.find(network)[1]
    found = importance.of_inputs(network, [(part.down, part.width)], [row], loss)[0]
    weight, step = part.down.weight, 1e-4
    for neuron in (0, 17, 63):
        values = []
        for factor in (1 + step, 1 - step):
            with torch.no_grad():
                before = weight[:, neuron].clone()
                weight[:, neuron] *= factor
                values.append(float(loss(network, row, None)))
                weight[:, neuron] = before
        assert found[neuron] == pytest.approx(abs(values[0] - values[1]) / (2 * step), rel=1e-3, abs=1e-9)


@settings(max_examples=20)
@given(
    st.lists(st.sets(st.integers(0, 63), min_size=1), min_size=3, max_size=3),
    st.lists(st.sets(st.integers(0, 3), min_size=1), min_size=3, max_size=3),
)
def test_any_cut_is_the_network_with_zeros_there(neurons: list[set[int]], kept_heads: list[set[int]]) -> None:
    network, cut = build(bert), build(bert)
    with torch.no_grad():
        for part, left in zip(feed_forward.find(network), neurons, strict=True):
            part.down.weight[:, sorted(set(range(64)) - left)] = 0
        for attention, left in zip(heads.find(network), kept_heads, strict=True):
            attention.output.weight.view(32, 4, 8)[:, sorted(set(range(4)) - left)] = 0
    feed_forward.keep(cut, [np.array(sorted(left)) for left in neurons])
    heads.keep(cut, [np.array(sorted(left)) for left in kept_heads])
    torch.testing.assert_close(logits(cut), logits(network))


def test_what_has_another_build_is_refused() -> None:
    with pytest.raises(InputError, match="no Hugging Face configuration"):
        blocks.find(torch.nn.Linear(2, 2))
    with pytest.raises(InputError, match="layer 0 of GPT2ForSequenceClassification has no plain attention"):
        heads.find(build(gpt2))
    experts = transformers.MixtralConfig(**SMALL, num_key_value_heads=2, intermediate_size=64, num_local_experts=2)
    with pytest.raises(InputError, match="no plain feed-forward part"):
        feed_forward.find(build(lambda: transformers.MixtralForSequenceClassification(experts)))


def test_weights_that_are_missing_are_no_other_shape(tmp_path: Path) -> None:
    network = build(bert)
    network.bert.save_pretrained(tmp_path)
    with pytest.raises(InputError, match="weights are missing, such as classifier"):
        pretrained.load(transformers.BertForSequenceClassification, tmp_path)
