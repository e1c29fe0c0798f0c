"""Adversarial training (Madry et al. 2018): a loss that is taken at rows moved against the network as it stands.

With one iteration from a random start it is the fast variant of Wong et al. (2020). Knows no task: the loss is given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from modelyard.networks.evasion.limits import Limits
from modelyard.networks.evasion.pgd import pgd

Loss = Callable[[Any, Mapping[str, Any], Any], Any]
FAST_STEP = 1.25
"""Of the budget: the step of the single-step variant."""
WHOLE_WAY = 2.5
"""Budgets that all steps come to together, so that any point of the ball is reached from any other."""


def adversarial_loss(
    loss: Loss,
    limits: Limits,
    *,
    name: str,
    offset: torch.Tensor,
    unit: torch.Tensor,
    iterations: int,
    share: float,
) -> Loss:
    """``loss`` of the rows as they are and of the rows moved, mixed.

    Args:
        name: of the network's input; it is ``offset + unit * values``, and the limits are those of values.
        share: weight of the moved rows.
    """
    step = limits.epsilon * (FAST_STEP if iterations == 1 else WHOLE_WAY / iterations)

    def move(network: Any, batch: Mapping[str, Any]) -> Any:
        # Found as it will be attacked: without dropout, and with the norms' running averages, which are left alone.
        network.eval()
        moved, _ = pgd(
            lambda values: network(**{name: offset + unit * values})["logits"],
            (batch[name] - offset) / unit,
            batch["labels"],
            limits,
            iterations=iterations,
            step_size=step,
            start=torch.default_generator,
        )
        network.train()
        return offset + unit * moved

    def mixed(network: Any, batch: Mapping[str, Any], weights: Any) -> Any:
        attacked = loss(network, {**batch, name: move(network, batch)}, weights)
        return attacked if share == 1 else share * attacked + (1 - share) * loss(network, batch, weights)

    return mixed
