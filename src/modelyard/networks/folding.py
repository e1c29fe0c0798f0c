"""Batch norms taken into the convolutions before them: the same answers with fewer layers.

Jacob et al. (2018), section 3.2: what runs in int8 is the convolution with its batch norm folded in, so that is what
has to be rounded while training. Knows no architecture.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn
from torch.nn.utils import fusion

from modelyard.networks.traced import Traced, only_reader


def fold_batch_norms(network: nn.Module, example: Mapping[str, Tensor]) -> None:
    """Fold each batch norm that alone reads a convolution, in place; others stay.

    Args:
        network: in evaluation mode.
        example: inputs that it can be traced with.
    """
    traced = Traced(network, example)
    for node in traced.nodes:
        reader = only_reader(node)
        if reader is None:
            continue
        layer, norm, name = traced.layer(node), traced.layer(reader), traced.name(reader)
        if not isinstance(layer, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d) or name is None:
            continue
        if norm.running_mean is None or norm.running_var is None:
            continue
        layer.weight, layer.bias = fusion.fuse_conv_bn_weights(
            layer.weight, layer.bias, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
        parent, _, child = name.rpartition(".")
        setattr(network.get_submodule(parent), child, nn.Identity())
