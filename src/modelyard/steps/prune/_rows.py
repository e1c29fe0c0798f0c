"""Real rows as batches of tensors, to see what a network depends on."""

from __future__ import annotations

from typing import Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model

BUDGET = 2048
"""Padded units of one batch, tokens say."""
FEWEST_ROWS = 8
"""Rows of one batch whatever their length: the pixels of a single image are more than the budget."""


def batches(model: Model, data: Dataset | None, split: str, rows: int, *, seed: int, device: Any) -> list[Any]:
    """Random rows of a split, those of like length together, as tensors on ``device``.

    Args:
        rows: how many; all where the split has fewer.

    Raises:
        InputError: there are no data, or the split has no rows.
    """
    import numpy as np
    import torch

    from modelyard.engines.training import read_examples
    from modelyard.methods import length_batches

    if data is None:
        raise InputError("importance is measured on real rows", expected="a dataset", fix="give one with the model")
    task = lookup.task(model.task)
    examples = read_examples(model, data, split, task=task, processor=task.processor(model))
    chosen = np.random.default_rng(seed).permutation(len(examples))[:rows]
    lengths = [examples.lengths[position] for position in chosen]
    found = []
    for batch in length_batches.by_budget(lengths, max(BUDGET, FEWEST_ROWS * max(lengths))):
        arrays, _ = examples.batch(chosen[batch])
        found.append({name: torch.from_numpy(array).to(device) for name, array in arrays.items()})
    return found


def example(model: Model, *, device: Any) -> dict[str, Any]:
    """Inputs that the network can be traced with, as tensors on ``device``."""
    import torch

    arrays, _ = lookup.task(model.task).export_example(model)
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}
