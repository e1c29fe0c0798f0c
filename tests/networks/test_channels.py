"""Surgery on tiny convolutional networks: channels that go without a trace, and those that must stay."""

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
from torch import Tensor, nn

from modelyard.core.errors import InputError
from modelyard.networks import channels, importance, pretrained
from modelyard.networks.efficientnet_lite import EfficientNetLiteConfig, EfficientNetLiteForImageClassification

BATCH = {"pixel_values": torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))}
LABELS = torch.tensor([0, 1, 0, 1, 1, 0])


def basic() -> Any:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic")
    return transformers.ResNetForImageClassification(config)


def bottleneck() -> Any:
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2])
    return transformers.ResNetForImageClassification(config)


def lite() -> Any:
    stages = [[1, 3, 1, 1, 8], [2, 3, 2, 3, 12], [1, 5, 2, 3, 16]]
    config = EfficientNetLiteConfig(stages=stages, stem_channels=8, head_channels=32, image_size=32, num_labels=2)
    return EfficientNetLiteForImageClassification(config)


MAKERS = [basic, bottleneck, lite]


def build(make: Callable[[], Any]) -> Any:
    """A network whose batch norms have seen something, so that no two channels are alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make()
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)
                # Above zero, so that no channel is silent by chance.
                nn.init.uniform_(module.bias, 0.5, 1.0)
        with torch.no_grad():
            network.train()(**BATCH)
    return network.eval()


def loss(network: Any, batch: Any, weights: Any) -> Any:
    return nn.functional.cross_entropy(network(**batch).logits, LABELS[: len(batch["pixel_values"])])


def logits(network: Any) -> Tensor:
    with torch.inference_mode():
        found: Tensor = network(**BATCH).logits
        return found


@pytest.mark.parametrize(
    ("make", "widths"),
    # Lite: the widened channels, and the output of the last block, which is not added to its input.
    [(basic, [8, 16, 16]), (bottleneck, [4, 4, 8, 8, 8, 8]), (lite, [24, 36, 36, 16])],
)
def test_what_is_inside_of_blocks_is_found(make: Callable[[], Any], widths: list[int]) -> None:
    parts = channels.find(build(make), BATCH)
    assert [part.width for part in parts] == widths
    assert all(part.maker.out_channels == part.width for part in parts)


@pytest.mark.parametrize("make", MAKERS)
def test_dead_channels_have_no_importance_and_are_missed_by_nobody(make: Callable[[], Any], tmp_path: Path) -> None:
    network = build(make)
    dead = np.array([1, 3])
    parts = channels.find(network, BATCH)
    with torch.no_grad():
        for part in parts:
            part.reader.weight[:, dead] = 0
    whole, before = logits(network), sum(weight.numel() for weight in network.parameters())
    scores = importance.of_channels(network, [part.reader for part in parts], [BATCH], loss)
    for layer in scores:
        assert not layer[dead].any()
        # One or the other may be silent on these few images.
        assert np.delete(layer, dead).any()
    gone = sum(2 * (part.maker.weight[0].numel() + part.reader.weight[:, 0].numel()) for part in parts)
    beside = [weight for part in parts for layer in part.between for weight in layer.parameters()]
    gone += sum(2 * weight[0].numel() for weight in beside)
    # A convolution that is cut on both sides loses the crossings once.
    both = {part.maker for part in parts} & {part.reader for part in parts}
    gone -= sum(4 * layer.weight[0, 0].numel() for layer in both)
    channels.keep(parts, [np.delete(np.arange(part.width), dead) for part in parts])
    assert sum(weight.numel() for weight in network.parameters()) == before - gone
    torch.testing.assert_close(logits(network), whole)
    network.save_pretrained(tmp_path)
    again = pretrained.load(type(network), tmp_path)
    torch.testing.assert_close(logits(again), whole)
    assert [part.width for part in channels.find(again, BATCH)] == [part.width for part in parts]


def test_importance_is_the_slope_of_the_loss() -> None:
    """Against finite differences: a row's loss when what is read of one channel is scaled."""
    network = build(lite).double()
    row = {"pixel_values": BATCH["pixel_values"][:1].double()}
    part = channels.find(network, row)[2]
    (found,) = importance.of_channels(network, [part.reader], [row], loss)
    weight, step = part.reader.weight, 1e-4
    for channel in (0, 11, 35):
        values = []
        for factor in (1 + step, 1 - step):
            with torch.no_grad():
                before = weight[:, channel].clone()
                weight[:, channel] *= factor
                values.append(float(loss(network, row, None)))
                weight[:, channel] = before
        assert found[channel] == pytest.approx(abs(values[0] - values[1]) / (2 * step), rel=1e-3, abs=1e-9)


@settings(max_examples=5, deadline=None)
@given(st.sampled_from(MAKERS), st.data())
def test_any_cut_is_the_network_with_zeros_there(make: Callable[[], Any], data: st.DataObject) -> None:
    network, cut = build(make), build(make)
    parts = channels.find(network, BATCH)
    kept = [
        np.array(sorted(data.draw(st.sets(st.integers(0, part.width - 1), min_size=1), label="kept"))) for part in parts
    ]
    with torch.no_grad():
        for part, left in zip(parts, kept, strict=True):
            part.reader.weight[:, np.setdiff1d(np.arange(part.width), left)] = 0
    channels.keep(channels.find(cut, BATCH), kept)
    torch.testing.assert_close(logits(cut), logits(network), atol=1e-4, rtol=1e-4)


class _Odd(nn.Module):
    """What one layer makes is read by two, or one layer reads two things, or channels are mixed on the way."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1)
        self.third = nn.Conv2d(4, 4, 1, groups=2 if kind == "grouped" else 1)

    def forward(self, pixel_values: Tensor) -> Tensor:
        made = self.first(pixel_values)
        if self.kind == "read twice":
            made = self.third(made) + self.second(made)
        elif self.kind == "used twice":
            made = self.second(self.second(made))
        else:
            made = self.third(made.flip(1) if self.kind == "shuffled" else made)
        assert isinstance(made, Tensor)
        return made


@pytest.mark.parametrize("kind", ["read twice", "used twice", "shuffled", "grouped"])
def test_channels_that_others_need_stay(kind: str) -> None:
    with pytest.raises(InputError, match="no channels that only one convolution reads"):
        channels.find(_Odd(kind).eval(), BATCH)
    assert len(channels.find(_Odd("plain").eval(), BATCH)) == 1
