"""The feed-forward part of each transformer layer: two matrix products (three with a gate) and the neurons between.

Knows no architecture: the last product takes what the others give.
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

WIDTHS = ("intermediate_size", "hidden_dim", "ffn_dim", "n_inner", "encoder_ffn_dim")
"""Names that Hugging Face configurations give to the number of neurons."""


@dataclass(frozen=True)
class FeedForward:
    """``down`` reads the neurons, which ``up`` (and a gate) make."""

    up: tuple[Linear, ...]
    down: Linear

    @property
    def width(self) -> int:
        """Number of neurons."""
        return in_out(self.down)[0]


def find(network: nn.Module) -> list[FeedForward]:
    """One for each layer.

    Raises:
        InputError: a layer has another build, such as several experts.
    """
    found = []
    for number, block in enumerate(blocks.find(network)):
        layers = blocks.linears(block, attention=False)
        if len(layers) not in (2, 3) or any(in_out(layer) != in_out(layers[-1])[::-1] for layer in layers[:-1]):
            raise InputError(
                f"layer {number} of {type(blocks.configured(network)).__name__} has no plain feed-forward part",
                expected="two matrix products beside the attention, or three with a gate",
            )
        found.append(FeedForward(tuple(layers[:-1]), layers[-1]))
    return found


def keep(network: nn.Module, kept: Sequence[np.ndarray]) -> None:
    """Keep these neurons of each layer; the configuration follows where all layers are equally wide."""
    parts = find(network)
    old = {part.width for part in parts}
    for part, positions in zip(parts, kept, strict=True):
        index = torch.from_numpy(positions).to(part.down.weight.device)
        for layer in part.up:
            keep_outputs(layer, index)
        keep_inputs(part.down, index)
    new, config = {part.width for part in parts}, blocks.configured(network).config
    if len(old) == len(new) == 1:
        for name in WIDTHS:
            if hasattr(config, name) and getattr(config, name) in (*old, None):
                setattr(config, name, new.pop())
                break
