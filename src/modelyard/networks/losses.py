"""Training losses that several tasks share. Tensors in, a scalar tensor out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def cross_entropy(logits: Any, labels: Any, weights: Any) -> Any:
    """Mean cross entropy of logits (rows, classes) and int64 labels (rows,), computed in float32.

    Args:
        weights: of each row, or None; with them it is the weighted sum over the number of rows.
    """
    from torch.nn import functional

    if weights is None:
        return functional.cross_entropy(logits.float(), labels)
    return (functional.cross_entropy(logits.float(), labels, reduction="none") * weights).mean()


def classifier_loss(network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
    """:func:`cross_entropy` of what the network makes of a batch and its ``labels``."""
    inputs = {name: tensor for name, tensor in batch.items() if name != "labels"}
    return cross_entropy(network(**inputs)["logits"], batch["labels"], weights)


def squared_error(values: Any, targets: Any, weights: Any) -> Any:
    """Mean squared error of numbers and targets, both (rows,), computed in float32; ``weights`` as above."""
    errors = (values.float() - targets) ** 2
    return errors.mean() if weights is None else (errors * weights).mean()
