"""Answers of a network whose dropout stays on: another one at every pass. Knows no task and no runtime by name."""

from __future__ import annotations

from typing import Any, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.progress import progress
from modelyard.core.runtime import NetworkSession
from modelyard.engines.training import preparation, read_examples
from modelyard.methods import length_batches
from modelyard.methods.class_predictions import softmax

BUDGET = 2048
"""Padded units of one batch."""


def answer(
    model: Model, data: Dataset, split: str, *, passes: int, dropout: float | None, seed: int, device: str = "cpu"
) -> np.ndarray:
    """Probabilities (passes, rows, classes), classes in the order of the model.

    Args:
        dropout: rate in all layers; None for that of the model.
        seed: of what is dropped.

    Raises:
        InputError: the network drops nothing.
    """
    import torch

    task = lookup.task(model.task)
    processor = task.processor(model)
    examples = read_examples(model, data, split, task=task, processor=processor)
    session = cast(NetworkSession, lookup.runtime(model.runtime).open(model, device=device))
    network = preparation.with_dropout(session.network, dropout, None).eval()
    _keep_dropping(network, dropout)
    found = np.empty((passes, len(examples), len(model.labels)))
    place = next(network.parameters()).device
    with torch.random.fork_rng(), torch.inference_mode(), progress("answering with dropout", passes) as bar:
        torch.manual_seed(seed)
        for number in range(passes):
            for positions in length_batches.by_budget(examples.lengths, BUDGET):
                arrays = examples.inputs(positions)
                tensors = {
                    name: torch.from_numpy(np.ascontiguousarray(each)).to(place) for name, each in arrays.items()
                }
                logits = network(**tensors)["logits"].float().cpu().numpy()
                found[number, positions] = softmax(logits)
            bar.advance()
    session.close()
    return found


def _keep_dropping(network: Any, dropout: float | None) -> None:
    """Put the layers that drop into training mode, and nothing else: batch norms go on using what they learned."""
    import torch

    kinds = (torch.nn.Dropout, torch.nn.Dropout1d, torch.nn.Dropout2d, torch.nn.Dropout3d, torch.nn.AlphaDropout)
    layers = [module for module in network.modules() if isinstance(module, kinds)]
    for layer in layers:
        layer.p = layer.p if dropout is None else dropout
        layer.train()
    if not any(layer.p > 0 for layer in layers):
        raise InputError(
            "the network drops nothing, so every pass gives the same answer",
            expected="a network with dropout, and a rate above 0",
            fix="give dropout: 0.1, or a model that was trained with dropout",
        )
