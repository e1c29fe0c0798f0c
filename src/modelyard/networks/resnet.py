"""ResNets without pretrained weights, in the build of transformers.

He et al. (2016), "Deep residual learning for image recognition", https://arxiv.org/abs/1512.03385. Knows no images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "resnet-18": {"layer_type": "basic", "depths": [2, 2, 2, 2], "hidden_sizes": [64, 128, 256, 512]},
    "resnet-50": {"layer_type": "bottleneck", "depths": [3, 4, 6, 3], "hidden_sizes": [256, 512, 1024, 2048]},
}
"""Name → what ``ResNetConfig`` is given."""


def write_new(folder: Path, architecture: str, *, seed: int) -> None:
    """Write an encoder with random weights drawn from ``seed``, as a folder in Hugging Face layout."""
    import torch
    from transformers import ResNetConfig, ResNetModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        ResNetModel(ResNetConfig(**ARCHITECTURES[architecture])).save_pretrained(folder)
