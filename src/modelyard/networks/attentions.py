"""What each layer of a transformer attends to. Knows no architecture: it asks transformers for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from modelyard.core.errors import InputError
from modelyard.networks import blocks


def of_row(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Attention of each layer, [heads, tokens, tokens]. The network computes it eagerly from then on.

    Args:
        arrays: one row as a batch.

    Raises:
        InputError: the network has no attention that can be seen.
    """
    inner: Any = blocks.configured(network)
    if hasattr(inner, "set_attn_implementation"):
        # The fused kernels never hold the weights.
        inner.set_attn_implementation("eager")
    tensors = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    found: Any = None
    if getattr(inner.config, "num_attention_heads", None):
        with torch.inference_mode():
            found = network(**tensors, output_attentions=True).get("attentions")
    if not found or any(layer is None or layer.ndim != 4 or layer.shape[-1] != layer.shape[-2] for layer in found):
        raise InputError(
            f"{type(inner).__name__} has no attention over its tokens",
            expected="a transformer, such as BERT or ViT",
            fix="use explain gradients, or a method that needs no look inside (shap, lime, occlusion)",
        )
    return [layer[0].float().numpy() for layer in found]
