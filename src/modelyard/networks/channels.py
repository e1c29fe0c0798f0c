"""Inner channels of a convolutional network: made by one convolution, read by one other, and by nothing else.

All channels of a residual network are such but those of the stem and those that are added to a block's input, which
others read too. Knows no architecture: what reads what is seen in the traced graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from modelyard.core.errors import InputError
from modelyard.networks.resizing import keep_each, keep_inputs, keep_outputs
from modelyard.networks.traced import Traced, aten, only_reader

_ON_EACH = {
    *(aten.relu.default, aten.relu_.default, aten.hardtanh.default, aten.hardtanh_.default),
    *(aten.relu6.default, aten.relu6_.default, aten.silu.default, aten.silu_.default),
    *(aten.hardswish.default, aten.hardswish_.default, aten.gelu.default, aten.leaky_relu.default),
    *(aten.max_pool2d.default, aten.avg_pool2d.default, aten.dropout.default),
}
"""What works on each channel by itself and has no weights."""


@dataclass(frozen=True)
class Inner:
    """``maker`` gives the channels, ``reader`` takes them; ``between`` are batch norms and depthwise convolutions."""

    maker: nn.Conv2d
    between: tuple[nn.Module, ...]
    reader: nn.Conv2d

    @property
    def width(self) -> int:
        """Number of channels."""
        return self.reader.in_channels


def find(network: nn.Module, example: Mapping[str, Tensor]) -> list[Inner]:
    """Every such pair of convolutions, in running order.

    Args:
        network: in evaluation mode.
        example: inputs that it can be traced with.

    Raises:
        InputError: there is none.
    """
    traced, found = Traced(network, example), []
    for node in traced.nodes:
        maker = traced.layer(node)
        if isinstance(maker, nn.Conv2d) and maker.groups == 1:
            followed = _follow(traced, node)
            if followed is not None:
                found.append(Inner(maker, tuple(followed[0]), followed[1]))
    if not found:
        raise InputError(
            f"{type(network).__name__} has no channels that only one convolution reads",
            expected="a convolutional network with residual blocks, such as ResNet or EfficientNet-Lite",
        )
    return found


def keep(parts: Iterable[Inner], kept: Sequence[np.ndarray]) -> None:
    """Keep these channels of each part; the configuration goes on naming the old widths."""
    for part, positions in zip(parts, kept, strict=True):
        index = torch.from_numpy(positions).to(part.reader.weight.device)
        keep_outputs(part.maker, index)
        for layer in part.between:
            keep_each(layer, index)
        keep_inputs(part.reader, index)


def _follow(traced: Traced, node: Any) -> tuple[list[nn.Module], nn.Conv2d] | None:
    """What works on each channel after a convolution, and the next that mixes them; None where others read too."""
    between: list[nn.Module] = []
    while (node := only_reader(node)) is not None:
        layer = traced.layer(node)
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            return between, layer
        if isinstance(layer, nn.BatchNorm2d) or (layer is not None and _is_depthwise(layer)):
            between.append(layer)
        elif node.target not in _ON_EACH and not _pads_images(node):
            return None
    return None


def _is_depthwise(layer: nn.Conv2d) -> bool:
    return layer.groups == layer.in_channels == layer.out_channels


def _pads_images(node: Any) -> bool:
    """Whether a node pads height and width, which leaves the channels as they are."""
    return node.target in (aten.pad.default, aten.constant_pad_nd.default) and len(node.args[1]) <= 4
