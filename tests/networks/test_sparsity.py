"""Masks of single weights: how many, which, and that they stay while a network is trained and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core import lookup
from modelyard.engines.training import Examples, Settings, train
from modelyard.methods.pruning import cubic_sparsity
from modelyard.networks.sparsity import Masks, layers, share


def build() -> torch.nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2)
        )


def test_the_smallest_weights_go() -> None:
    first, second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[0.1, -5.0], [0.2, 3.0]]))
        second.weight.copy_(torch.tensor([[0.3, -0.4], [4.0, 9.0]]))
    network = torch.nn.Sequential(first, second)
    Masks(network, "network").thin(0.5)
    assert first.weight.tolist() == [[0, -5], [0, 3]]
    assert second.weight.tolist() == [[0, 0], [4, 9]]
    assert share(network) == 0.5


@pytest.mark.parametrize("scope", ["layer", "network"])
@given(sparsity=st.floats(0, 0.99))
def test_the_share_is_exact(scope: Any, sparsity: float) -> None:
    network = build()
    Masks(network, scope).thin(sparsity)
    zeros = [int((layer.weight == 0).sum()) for layer in layers(network)]
    sizes = [layer.weight.numel() for layer in layers(network)]
    if scope == "network":
        assert sum(zeros) == round(sparsity * sum(sizes))
    else:
        assert zeros == [round(sparsity * size) for size in sizes]


class Rows(torch.nn.Module):
    """Images as the training loop hands them over."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = build()

    def forward(self, image: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"logits": self.inner(image)}


class Task:
    """As much of a task as the loop needs."""

    abilities = frozenset({"labels"})

    def collate(self, processor: Any, encoded: Any) -> Any:
        return {name: np.stack([row[name] for row in encoded]) for name in encoded[0]}


def loss(network: Any, batch: Any, weights: Any) -> Any:
    return torch.nn.functional.cross_entropy(network(image=batch["image"])["logits"], batch["labels"])


def sparse(scratch: Path, stop_at: int | None = None) -> dict[str, torch.Tensor]:
    random = np.random.default_rng(0)
    encoded = [
        {"image": random.normal(size=(1, 4, 4)).astype(np.float32), "labels": np.asarray(number % 2)}
        for number in range(24)
    ]
    network = Rows()
    masks = Masks(network, "network")
    examples = Examples(lookup.task("text-classification"), None, encoded, None)
    object.__setattr__(examples, "task", Task())

    def after_step(done: int, total: int) -> None:
        if done == stop_at:
            raise KeyboardInterrupt
        if done % 4 == 0 or done == total:
            masks.thin(cubic_sparsity(done / (0.7 * total), 0.8))
        else:
            masks.apply()

    settings = Settings(epochs=4, learning_rate=0.01, batch_size=8, checkpoint_every=1)
    train(network, examples, None, settings, loss=loss, scratch=scratch, identity="x", after_step=after_step)
    masks.take_away()
    return network.state_dict()


def test_an_interrupted_thinning_ends_with_the_same_weights(tmp_path: Path) -> None:
    for name in ("whole", "parts"):
        (tmp_path / name).mkdir()
    whole = sparse(tmp_path / "whole")
    for stop in (3, 6, 11):
        with pytest.raises(KeyboardInterrupt):
            sparse(tmp_path / "parts", stop)
    resumed = sparse(tmp_path / "parts")
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    zeros = sum(int((whole[f"inner.{number}.weight"] == 0).sum()) for number in (0, 2, 4))
    assert zeros == round(0.8 * (36 + 128 + 16))
