"""A vector that stands for a text: the mean of what the encoder's last layer says of its tokens.

How sentence encoders are pooled (Reimers and Gurevych 2019, Sentence-BERT). It is added to the outputs by hooks: the
weights stay as they are, and traced graphs contain it. Knows no architecture.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

MASK = "attention_mask"


def add(network: Any, example: Mapping[str, Tensor], name: str) -> bool:
    """Let a Hugging Face classifier give the mean over the tokens too, (rows, width), under this name.

    Args:
        example: inputs that it can be tried with.

    Returns:
        False, and the network is as it was, where there is no encoder inside, or it has no state of each token.
    """
    encoder = getattr(network, "base_model", network)
    if encoder is network or MASK not in example:
        return False
    states: list[Tensor] = []

    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        states[:] = [output[0]]

    def pool(module: nn.Module, inputs: Any, given: Mapping[str, Any], output: Any) -> Any:
        state, mask = states.pop(), given[MASK].unsqueeze(-1)
        output[name] = (state * mask).sum(1) / mask.sum(1)
        return output

    kept = encoder.register_forward_hook(keep)
    network.eval()
    with torch.no_grad():
        network(**example)
    if tuple(states.pop().shape[:2]) != tuple(example[MASK].shape):
        kept.remove()
        return False
    network.register_forward_hook(pool, with_kwargs=True)
    return True
