"""The training loop on a network whose right answer is known, and its checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core.errors import InputError, ModelyardError
from modelyard.engines.training import Examples, Settings, checkpoint, preparation, train
from modelyard.engines.training.optimizer import shrink
from modelyard.tasks.text_classification import TASK


class Columns:
    """Collates rows of two numbers; enough of a processor for the task to batch them."""

    def collate(self, rows: list[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def points(rows: int, seed: int, weights: np.ndarray | None = None) -> Examples:
    """Points of the plane; the class says on which side of the line x = y they lie."""
    inputs = np.random.default_rng(seed).normal(size=(rows, 2)).astype(np.float32)
    labels = (inputs[:, 0] > inputs[:, 1]).astype(np.int64)
    encoded = [{"inputs": row, "labels": label} for row, label in zip(inputs, labels, strict=True)]
    return Examples(TASK, Columns(), encoded, weights)


def line() -> Any:
    import torch

    class Line(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(2, 2)

        def forward(self, inputs: torch.Tensor) -> dict[str, torch.Tensor]:
            return {"logits": self.layer(inputs)}

    torch.manual_seed(0)
    return Line()


def fit(scratch: Path, network: Any, examples: Examples | None = None, **settings: Any) -> dict[str, Any]:
    chosen = Settings(**({"epochs": 6, "learning_rate": 0.05, "batch_size": 16} | settings))
    return train(
        network, examples or points(400, 0), points(200, 1), chosen, loss=TASK.loss, scratch=scratch, identity="line"
    )


def test_it_learns_a_line(tmp_path: Path) -> None:
    curve = fit(tmp_path, line())
    assert curve["steps"] == 150
    assert [round(item["epoch"], 6) for item in curve["evaluations"]] == [1, 2, 3, 4, 5, 6]
    assert curve["evaluations"][-1]["accuracy"] > 0.97
    losses = [item["loss"] for item in curve["losses"]]
    assert losses[-1] < 0.3 * losses[0]


def test_rows_without_weight_teach_nothing(tmp_path: Path) -> None:
    network = line()
    before = network.layer.weight.detach().clone()
    fit(tmp_path, network, points(64, 0, weights=np.zeros(64, dtype=np.float32)), weight_decay=0.0)
    assert (network.layer.weight == before).all()


def test_frozen_weights_stay(tmp_path: Path) -> None:
    network = line()
    network.layer.bias.requires_grad_(False)
    before = network.layer.bias.clone()
    fit(tmp_path, network)
    assert (network.layer.bias == before).all()


def test_early_stopping_keeps_the_best_evaluation(tmp_path: Path) -> None:
    network = line()
    curve = fit(tmp_path, network, epochs=40, learning_rate=30.0, schedule="constant", early_stopping=2)
    losses = [item["loss"] for item in curve["evaluations"]]
    best = int(np.argmin(losses))
    assert len(losses) == best + 3 < 40
    assert curve["best_step"] == curve["evaluations"][best]["step"]
    examples = points(200, 1)
    import torch

    arrays, _ = examples.batch(np.arange(200))
    with torch.inference_mode():
        found = TASK.loss(network, {name: torch.from_numpy(array) for name, array in arrays.items()}, None)
    assert float(found) == pytest.approx(losses[best], rel=1e-5)


def test_a_start_that_is_judged_is_kept_where_training_only_harms(tmp_path: Path) -> None:
    import torch

    network = line()
    fit(tmp_path, network)
    before = [weight.detach().clone() for weight in network.parameters()]
    # So strong a penalty leaves no weight.
    curve = fit(tmp_path, network, epochs=3, l1=10.0, judge_start=True)
    assert curve["best_step"] == 0
    assert [point["epoch"] for point in curve["evaluations"]] == [0, 1, 2, 3]
    assert all(torch.equal(old, new) for old, new in zip(before, network.parameters(), strict=True))


def test_early_stopping_without_validation_rows_is_refused(tmp_path: Path) -> None:
    settings = Settings(epochs=1, learning_rate=0.1, early_stopping=1)
    with pytest.raises(InputError, match="early_stopping needs a validation split"):
        train(line(), points(8, 0), None, settings, loss=TASK.loss, scratch=tmp_path, identity="line")


def test_a_loss_that_is_no_number_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ModelyardError, match="loss became") as caught:
        fit(tmp_path, line(), learning_rate=1e38, clip_gradient_norm=None)
    assert "learning_rate" in caught.value.fix


def test_a_part_of_an_epoch_is_trained_and_judged(tmp_path: Path) -> None:
    curve = fit(tmp_path, line(), epochs=0.5)
    assert curve["steps"] == 12
    assert len(curve["evaluations"]) == 1


def test_training_leaves_the_callers_random_state_alone(tmp_path: Path) -> None:
    import torch

    network = line()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    fit(tmp_path, network)
    assert (torch.rand(3) == expected).all()


def weights_after(scratch: Path, **settings: Any) -> np.ndarray:
    network = line()
    fit(scratch, network, **settings)
    return np.asarray(network.layer.weight.detach().numpy())


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    first, again, other = (weights_after(folder, seed=seed) for folder, seed in zip(folders, (0, 0, 1), strict=True))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("damage", ["torn", "foreign"])
def test_a_checkpoint_that_is_not_of_this_run_is_not_used(tmp_path: Path, damage: str) -> None:
    (tmp_path / "fresh").mkdir()
    expected = weights_after(tmp_path / "fresh", seed=3)
    weights_after(tmp_path, seed=4, checkpoint_every=20)
    file = tmp_path / "checkpoint.safetensors"
    if damage == "torn":
        file.write_bytes(file.read_bytes()[:100])
    assert np.array_equal(weights_after(tmp_path, seed=3), expected)


def test_a_checkpoint_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    import torch

    tensors = {"a": torch.arange(6.0).reshape(2, 3).T, "b": torch.tensor(3)}
    checkpoint.save(tmp_path / "x.safetensors", tensors, {"step": 4, "name": "é"})
    found = checkpoint.load(tmp_path / "x.safetensors")
    assert found is not None
    assert found[1] == {"step": 4, "name": "é"}
    assert all(torch.equal(found[0][name], tensor) for name, tensor in tensors.items())
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]


def test_dropout_is_set_without_touching_the_weights() -> None:
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    network = BertForSequenceClassification(config)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    changed = preparation.with_dropout(network, 0.3, 0.0)
    rates = {name: module.p for name, module in changed.named_modules() if isinstance(module, torch.nn.Dropout)}
    assert rates.pop("bert.encoder.layer.0.attention.self.dropout") == 0.0
    assert set(rates.values()) == {0.3}
    assert all(torch.equal(tensor, before[name]) for name, tensor in changed.state_dict().items())
    assert preparation.with_dropout(changed, None, 0.0) is changed


def test_word_embeddings_do_not_count_as_size() -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.Embedding(1000, 4), torch.nn.Linear(4, 2))
    assert preparation.count_trained(network) == 10


def test_an_l1_penalty_makes_weights_zero_and_spares_biases() -> None:
    import torch

    matrix, bias = (torch.nn.Parameter(torch.tensor(values)) for values in ([[0.5, -0.02, 0.05]], [0.01]))
    optimizer = torch.optim.SGD([matrix, bias], lr=0.1)
    shrink(optimizer, 0.3)
    assert matrix.tolist()[0] == pytest.approx([0.47, 0.0, 0.02])
    assert matrix[0, 1] == 0
    assert bias.item() == pytest.approx(0.01)
