"""Layers of another size than their network's configuration says: cut, and found again when weights are read.

Works on single layers; which of them belong together is known to the files beside this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

Linear = nn.Linear | Conv1D
"""A matrix product; GPT-2's ``Conv1D`` keeps its weight transposed."""


def in_out(layer: Linear) -> tuple[int, int]:
    """Number of inputs and outputs."""
    rows, columns = layer.weight.shape
    return (rows, columns) if isinstance(layer, Conv1D) else (columns, rows)


def keep_outputs(layer: Linear | nn.Conv2d, kept: torch.Tensor) -> None:
    """Keep these outputs of a layer."""
    put(layer, "weight", layer.weight.index_select(1 if isinstance(layer, Conv1D) else 0, kept))
    if layer.bias is not None:
        put(layer, "bias", layer.bias[kept])


def keep_inputs(layer: Linear | nn.Conv2d, kept: torch.Tensor) -> None:
    """Keep these inputs of a layer."""
    put(layer, "weight", layer.weight.index_select(0 if isinstance(layer, Conv1D) else 1, kept))


def keep_each(layer: nn.Module, kept: torch.Tensor) -> None:
    """Keep these channels of a layer that works on each by itself: a batch norm or a depthwise convolution."""
    for name in ("weight", "bias", "running_mean", "running_var"):
        tensor = getattr(layer, name, None)
        if tensor is not None:
            put(layer, name, tensor.index_select(0, kept))


def put(layer: nn.Module, name: str, tensor: torch.Tensor) -> None:
    """Give a layer a parameter or buffer of perhaps another shape, and let it state its new sizes."""
    old = getattr(layer, name)
    tensor = tensor.detach().contiguous()
    if isinstance(old, nn.Parameter):
        setattr(layer, name, nn.Parameter(tensor, requires_grad=old.requires_grad))
    else:
        setattr(layer, name, tensor)
    if name == "weight":
        _state_sizes(layer, tuple(tensor.shape))


def _state_sizes(layer: nn.Module, shape: tuple[int, ...]) -> None:
    if isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = shape
    elif isinstance(layer, Conv1D):
        layer.nx, layer.nf = shape
    elif isinstance(layer, nn.Embedding):
        layer.num_embeddings, layer.embedding_dim = shape
    elif isinstance(layer, nn.modules.conv._ConvNd):
        if layer.groups == layer.in_channels == layer.out_channels:
            layer.groups = shape[0]
        layer.out_channels, layer.in_channels = shape[0], shape[1] * layer.groups
    elif isinstance(layer, nn.modules.batchnorm._NormBase):
        layer.num_features = shape[0]
    elif isinstance(layer, nn.LayerNorm):
        layer.normalized_shape = shape


def fit(network: nn.Module, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put in those tensors whose shape is another than the network's own."""
    own: dict[str, Any] = {**dict(network.named_parameters()), **dict(network.named_buffers())}
    for name, tensor in tensors.items():
        if name in own and own[name].shape != tensor.shape:
            path, _, leaf = name.rpartition(".")
            put(network.get_submodule(path), leaf, tensor)
