"""Loss and accuracy of a network on rows that it is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from modelyard.engines.training.examples import Examples
from modelyard.methods import length_batches

BUDGET = 4096
"""Padded units of one batch."""
FEWEST_ROWS = 16
"""Rows of one batch whatever their length: the pixels of a single image are more than the budget."""


def validate(
    network: Any,
    examples: Examples,
    loss: Callable[[Any, Mapping[str, Any], Any], Any],
    to_tensors: Callable[[Mapping[str, np.ndarray]], dict[str, Any]],
) -> dict[str, float]:
    """Mean ``loss`` over the rows, and ``accuracy`` where the task has classes; without dropout and row weights.

    Args:
        to_tensors: puts collated arrays on the network's device.
    """
    import torch

    network.eval()
    outputs: dict[str, Any] = {}

    def watched(**arrays: Any) -> Any:
        outputs.update(network(**arrays))
        return outputs

    classes = "labels" in examples.task.abilities
    lengths = examples.lengths
    total, right = 0.0, 0
    with torch.inference_mode():
        for positions in length_batches.by_budget(lengths, max(BUDGET, FEWEST_ROWS * max(lengths))):
            batch = to_tensors(examples.batch(positions)[0])
            total += float(loss(watched, batch, None)) * len(positions)
            if classes:
                right += int((outputs["logits"].argmax(-1) == batch["labels"]).sum())
    rows = len(examples)
    return {"loss": total / rows, "accuracy": right / rows} if classes else {"loss": total / rows}
