"""The attention heads of each transformer layer: found, and taken out of its four matrix products.

Heads that share keys and values (grouped queries) go together. Knows no architecture: what looks at heads
otherwise than by their size does not work with fewer of them, and is seen by running the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from modelyard.core.errors import InputError
from modelyard.networks import blocks
from modelyard.networks.resizing import Linear, in_out, keep_inputs, keep_outputs


@dataclass(frozen=True)
class Attention:
    """``projections`` make queries, keys and values; ``output`` reads what each head gathered."""

    projections: tuple[Linear, Linear, Linear]
    output: Linear
    heads: int
    """Number of heads, or of groups of heads with the same keys and values."""


def find(network: nn.Module) -> list[Attention]:
    """One for each layer.

    Raises:
        InputError: a layer has another build, such as one product for queries, keys and values together.
    """
    config = blocks.configured(network).config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    found = []
    for number, block in enumerate(blocks.find(network)):
        layers = blocks.linears(block, attention=True)
        widths = [in_out(layer)[1] for layer in layers[:3]]
        if len(layers) != 4 or max(widths) != in_out(layers[3])[0] or any(width % min(widths) for width in widths):
            raise InputError(
                f"layer {number} of {type(blocks.configured(network)).__name__} has no plain attention",
                expected="one matrix product each for queries, keys, values and output",
            )
        found.append(Attention((layers[0], layers[1], layers[2]), layers[3], min(widths) // size))
    return found


def keep(network: nn.Module, kept: Sequence[np.ndarray]) -> None:
    """Keep these heads (or groups) of each layer; the configuration goes on naming the old number."""
    for attention, positions in zip(find(network), kept, strict=True):
        for layer in attention.projections:
            keep_outputs(layer, _features(positions, in_out(layer)[1] // attention.heads, layer))
        width = in_out(attention.output)[0] // attention.heads
        keep_inputs(attention.output, _features(positions, width, attention.output))


def _features(heads: np.ndarray, width: int, layer: Linear) -> torch.Tensor:
    index = (heads[:, None] * width + np.arange(width)).reshape(-1)
    return torch.from_numpy(index).to(layer.weight.device)
