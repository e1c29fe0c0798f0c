"""The optimizer of the training loop."""

from __future__ import annotations

from typing import Any


def make_optimizer(network: Any, learning_rate: float, weight_decay: float) -> Any:
    """AdamW (Loshchilov & Hutter, 2019) over the weights that require a gradient.

    Biases and norms, which have one axis, are not decayed. Fused: on two cores a step over 22.7 M weights
    takes 20 ms instead of 80 to 120.
    """
    import torch

    trained = [weight for weight in network.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=learning_rate, fused=True)
