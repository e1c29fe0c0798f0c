"""EfficientNet-Lite: inverted bottlenecks without squeeze-and-excitation, with ReLU6, for small devices.

Tan and Le (2019), https://arxiv.org/abs/1905.11946, in the Lite variant of 2020. Behaves as a Hugging Face network:
``config.json`` and ``model.safetensors`` in a folder. Also maps the names of the checkpoints that came from
TensorFlow. Knows nothing of images on disk.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutputWithNoAttention

MODEL_TYPE = "efficientnet_lite"
LITE0 = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Stages of Lite0: repeats, kernel, stride, expansion, channels."""


class EfficientNetLiteConfig(PretrainedConfig):
    """Shape of the network; the defaults are Lite0."""

    model_type = MODEL_TYPE

    def __init__(
        self,
        stages: Any = LITE0,
        stem_channels: int = 32,
        head_channels: int = 1280,
        image_size: int = 224,
        dropout: float = 0.2,
        norm_epsilon: float = 1e-3,
        norm_momentum: float = 0.01,
        **rest: Any,
    ) -> None:
        self.stages = [list(stage) for stage in stages]
        self.stem_channels = stem_channels
        self.head_channels = head_channels
        self.image_size = image_size
        self.dropout = dropout
        self.norm_epsilon = norm_epsilon
        self.norm_momentum = norm_momentum
        super().__init__(**rest)


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: at stride 2 the right and lower edges get the odd pixel."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Maps (rows, channels, height, width) to ceil(height / stride) by ceil(width / stride)."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if stride == 1:
            edges = [kernel // 2] * 4
        else:
            lacking = [max(0, (-(-side // stride) - 1) * stride + kernel - side) for side in input.shape[:1:-1]]
            edges = [edge for pad in lacking for edge in (pad // 2, pad - pad // 2)]
        return super().forward(functional.pad(input, edges) if any(edges) else input)


class ConvNorm(nn.Sequential):
    """Convolution, batch norm, and ReLU6 where there is an activation."""

    def __init__(self, config: EfficientNetLiteConfig, taken: int, given: int, **options: Any) -> None:
        activate = options.pop("activate", True)
        layers: list[nn.Module] = [
            SameConv(taken, given, bias=False, **options),
            nn.BatchNorm2d(given, eps=config.norm_epsilon, momentum=config.norm_momentum),
        ]
        super().__init__(*layers, *([nn.ReLU6()] if activate else []))


class Block(nn.Module):
    """Inverted bottleneck: widen, filter each channel by itself, narrow; added to its input where shapes allow."""

    def __init__(
        self, config: EfficientNetLiteConfig, taken: int, given: int, *, kernel: int, stride: int, expansion: int
    ) -> None:
        super().__init__()
        wide = taken * expansion
        self.expand = ConvNorm(config, taken, wide, kernel_size=1) if expansion != 1 else nn.Identity()
        self.depthwise = ConvNorm(config, wide, wide, kernel_size=kernel, stride=stride, groups=wide)
        self.project = ConvNorm(config, wide, given, kernel_size=1, activate=False)
        self.adds = stride == 1 and taken == given

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Shape (rows, channels, height, width) in and out."""
        made: torch.Tensor = self.project(self.depthwise(self.expand(hidden)))
        return hidden + made if self.adds else made


class Encoder(nn.Module):
    """Everything below the head: stem, blocks and the last widening, averaged over the image."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        self.stem = ConvNorm(config, 3, config.stem_channels, kernel_size=3, stride=2)
        blocks, channels = [], config.stem_channels
        for repeats, kernel, stride, expansion, given in config.stages:
            for number in range(repeats):
                taken = stride if number == 0 else 1
                blocks.append(Block(config, channels, given, kernel=kernel, stride=taken, expansion=expansion))
                channels = given
        self.blocks = nn.ModuleList(blocks)
        self.head = ConvNorm(config, channels, config.head_channels, kernel_size=1)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """(rows, 3, height, width) to (rows, head channels)."""
        hidden = self.stem(pixel_values)
        for block in self.blocks:
            hidden = block(hidden)
        pooled: torch.Tensor = self.head(hidden).mean(dim=(2, 3))
        return pooled


class EfficientNetLiteForImageClassification(PreTrainedModel):
    """Encoder, dropout and one linear layer over the classes."""

    config_class = EfficientNetLiteConfig
    base_model_prefix = "encoder"
    main_input_name = "pixel_values"

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__(config)
        self.encoder = Encoder(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.head_channels, len(config.id2label or ()))
        self.post_init()  # type: ignore[no-untyped-call]

    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()

    def forward(self, pixel_values: torch.Tensor) -> Any:
        """``logits`` of shape (rows, classes) for float images of shape (rows, 3, height, width)."""
        logits = self.classifier(self.dropout(self.encoder(pixel_values)))
        return ImageClassifierOutputWithNoAttention(logits=logits)


_OUTER = {"_conv_stem": "encoder.stem.0", "_bn0": "encoder.stem.1", "_conv_head": "encoder.head.0"}
_OUTER |= {"_bn1": "encoder.head.1", "_fc": "classifier"}
_INNER = {"_expand_conv": "expand.0", "_bn0": "expand.1", "_depthwise_conv": "depthwise.0", "_bn1": "depthwise.1"}
_INNER |= {"_project_conv": "project.0", "_bn2": "project.1"}
_NAME = re.compile(r"(?:_blocks\.(\d+)\.)?(_[a-z0-9_]+)\.([a-z_]+)")


def rename(tensors: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tensors of a checkpoint that was ported from TensorFlow under this network's names; None for any other."""
    renamed = {}
    for name, tensor in tensors.items():
        match = _NAME.fullmatch(name)
        known = _INNER if match and match[1] else _OUTER
        if match is None or match[2] not in known:
            return None
        place = f"encoder.blocks.{match[1]}." if match[1] else ""
        renamed[f"{place}{known[match[2]]}.{match[3]}"] = tensor
    return renamed if "encoder.stem.0.weight" in renamed else None


def write(tensors: Mapping[str, Any], folder: Path) -> None:
    """A Lite0 with the given weights, as a folder in Hugging Face layout.

    Raises:
        RuntimeError: names or shapes are not those of Lite0.
    """
    classes = len(tensors["classifier.bias"])
    network = EfficientNetLiteForImageClassification(EfficientNetLiteConfig(num_labels=classes))
    network.load_state_dict(dict(tensors))
    network.save_pretrained(folder)
