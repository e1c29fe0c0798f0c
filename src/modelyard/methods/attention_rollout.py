"""Attention rollout: how much of each input token reaches a position of the last layer.

Abnar and Zuidema, "Quantifying attention flow in transformers", 2020. A layer hands on half of what was there (its
residual connection) and half of what its heads gather on the average. It says where information can flow, not what it
does: attributions have no sign and are the same for every class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RESIDUAL = 0.5


def rollout(layers: Sequence[np.ndarray]) -> np.ndarray:
    """Share of each token in the position that the answer is read from, float64 [tokens]; they add up to 1.

    That is the first position, or the last one where the first sees no other (a causal model).

    Args:
        layers: attention of each layer, [heads, tokens, tokens], rows adding up to 1.
    """
    tokens = layers[0].shape[-1]
    flow = np.eye(tokens)
    for heads in layers:
        mixed = RESIDUAL * np.eye(tokens) + (1 - RESIDUAL) * heads.astype(np.float64).mean(axis=0)
        flow = mixed / mixed.sum(axis=-1, keepdims=True) @ flow
    causal = tokens > 1 and not flow[0, 1:].any()
    return np.asarray(flow[-1 if causal else 0])
