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


def shrink(optimizer: Any, l1: float) -> None:
    """Bring the weights of matrices nearer to zero by ``l1`` times the rate, and those that are nearer than that to it.

    The proximal step of the L1 penalty (ISTA; Daubechies, Defrise and De Mol, 2004): beside the gradient and not
    within it, as AdamW decays, so that weights become zero and not merely small.
    """
    import torch

    group = optimizer.param_groups[0]
    with torch.no_grad():
        for weight in group["params"]:
            if weight.ndim > 1:
                weight.copy_(torch.nn.functional.softshrink(weight, l1 * group["lr"]))
