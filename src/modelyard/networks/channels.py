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

_aten = torch.ops.aten
_CONVOLUTIONS = {_aten.conv2d.default, _aten.conv2d.padding}
_ON_EACH = {
    *(_aten.relu.default, _aten.relu_.default, _aten.hardtanh.default, _aten.hardtanh_.default),
    *(_aten.relu6.default, _aten.relu6_.default, _aten.silu.default, _aten.silu_.default),
    *(_aten.hardswish.default, _aten.hardswish_.default, _aten.gelu.default, _aten.leaky_relu.default),
    *(_aten.max_pool2d.default, _aten.avg_pool2d.default, _aten.dropout.default),
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
    program = torch.export.export(network, (), dict(example))
    owners = program.graph_signature.inputs_to_parameters
    found = []
    for node in program.graph.nodes:
        maker = _layer(network, node, owners)
        if isinstance(maker, nn.Conv2d) and maker.groups == 1:
            followed = _follow(network, node, owners)
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


def _follow(network: nn.Module, node: Any, owners: Mapping[str, str]) -> tuple[list[nn.Module], nn.Conv2d] | None:
    """What works on each channel after a convolution, and the next that mixes them; None where others read too."""
    between: list[nn.Module] = []
    while len(node.users) == 1:
        before, node = node, next(iter(node.users))
        if node.op != "call_function" or node.args[0] is not before:
            return None
        layer = _layer(network, node, owners)
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            return between, layer
        if layer is not None:
            between.append(layer)
        elif node.target not in _ON_EACH and not _pads_images(node):
            return None
    return None


def _layer(network: nn.Module, node: Any, owners: Mapping[str, str]) -> nn.Module | None:
    """The batch norm, or the plain or depthwise convolution, that a node is; None for anything else.

    A layer that is used twice is none: it cannot be cut for one place alone.
    """
    if node.target not in _CONVOLUTIONS and node.target != _aten.batch_norm.default:
        return None
    weight = node.args[1]
    if weight is None or len(weight.users) != 1 or weight.name not in owners:
        return None
    layer = network.get_submodule(owners[weight.name].rpartition(".")[0])
    if isinstance(layer, nn.BatchNorm2d):
        return layer
    if isinstance(layer, nn.Conv2d) and (layer.groups == 1 or layer.groups == layer.in_channels == layer.out_channels):
        return layer
    return None


def _pads_images(node: Any) -> bool:
    """Whether a node pads height and width, which leaves the channels as they are."""
    return node.target in (_aten.pad.default, _aten.constant_pad_nd.default) and len(node.args[1]) <= 4
