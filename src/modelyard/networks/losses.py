"""Training losses that several tasks share. Tensors in, a scalar tensor out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOT_INPUTS = ("labels", "focus")
"""What a batch holds for the loss alone."""


def cross_entropy(logits: Any, labels: Any, weights: Any, focus: Any = None) -> Any:
    """Mean cross entropy of logits (rows, classes) and int64 labels (rows,), computed in float32.

    Args:
        weights: of each row, or None; with them it is the weighted sum over the number of rows.
        focus: exponent gamma of each row, or None: a row that the network is sure of, with the probability p for its
            class, counts (1 - p) to the power gamma (Lin et al., "Focal loss for dense object detection", 2017).
    """
    losses = row_losses(logits, labels, focus)
    return (losses if weights is None else losses * weights).mean()


def row_losses(logits: Any, labels: Any, focus: Any = None) -> Any:
    """Cross entropy of each row, shape (rows,); arguments as for :func:`cross_entropy`."""
    from torch.nn import functional

    losses = functional.cross_entropy(logits.float(), labels, reduction="none")
    # The gradient of a power below one has no end at zero, which a network that is quite sure reaches.
    return losses if focus is None else losses * (1 - (-losses).exp()).clamp(min=1e-6) ** focus


def classifier_loss(network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
    """:func:`cross_entropy` of what the network makes of a batch and its ``labels``."""
    inputs = {name: tensor for name, tensor in batch.items() if name not in NOT_INPUTS}
    return cross_entropy(network(**inputs)["logits"], batch["labels"], weights, batch.get("focus"))


def squared_error(values: Any, targets: Any, weights: Any) -> Any:
    """Mean squared error of numbers and targets, both (rows,), computed in float32; ``weights`` as above."""
    errors = (values.float() - targets) ** 2
    return errors.mean() if weights is None else (errors * weights).mean()
