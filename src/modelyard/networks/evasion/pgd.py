"""Projected gradient descent (Madry et al. 2018), and the fast gradient sign method as its first step.

Knows a function from values to logits, no model.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from modelyard.networks.evasion.limits import Limits

Logits = Callable[[torch.Tensor], torch.Tensor]
"""Values of rows → logits (rows, classes)."""


def fgsm(logits: Logits, values: torch.Tensor, targets: torch.Tensor, limits: Limits) -> torch.Tensor:
    """One step of the whole budget along the gradient of the loss (Goodfellow et al. 2015)."""
    change = limits.epsilon * limits.direction(input_gradient(logits, values, targets)[0])
    return limits.settle(limits.project(values + change, values), values)


def pgd(
    logits: Logits,
    values: torch.Tensor,
    targets: torch.Tensor,
    limits: Limits,
    *,
    iterations: int,
    step_size: float,
    start: torch.Generator | None = None,
    until_wrong: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Climb the loss of each row inside the limits.

    Args:
        values: rows to start from.
        targets: right classes, int64 (rows,).
        step_size: length of one step.
        start: begins at a random point of the limits that is drawn with it; None begins at the row.
        until_wrong: leave a row alone as soon as it is answered wrongly, which saves most of the work.

    Returns:
        the moved rows, on the grid, and the passes through the network that each took.
    """
    moved, passes = values.clone(), torch.zeros(len(values), dtype=torch.int64)
    current = values if start is None else _random_start(values, limits, start)
    active = torch.arange(len(values), device=values.device)
    for number in range(iterations + 1):
        here, own = limits.rows(active), values[active]
        settled = here.settle(current, own)
        moved[active] = settled
        if number == iterations and not until_wrong:
            break
        gradient, wrong = input_gradient(logits, settled, targets[active])
        passes[active.cpu()] += 1
        going = ~wrong if until_wrong else torch.ones_like(wrong)
        if number == iterations or not going.any():
            break
        active, here, own = active[going], here.rows(going), own[going]
        current = here.project(current[going] + step_size * here.direction(gradient[going]), own)
    return moved, passes


def input_gradient(logits: Logits, values: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of each row's loss by its values; and whether its answer is wrong."""
    with torch.enable_grad():
        leaf = values.detach().requires_grad_()
        answers = logits(leaf)
        loss = torch.nn.functional.cross_entropy(answers.float(), targets, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, leaf)
    return gradient.detach(), answers.detach().argmax(dim=1) != targets


def _random_start(values: torch.Tensor, limits: Limits, random: torch.Generator) -> torch.Tensor:
    """A point in the cube of the budget, brought inside the limits."""
    draws = torch.rand(values.shape, generator=random, device=random.device).to(values.device)
    # Most of a cube lies outside the Euclidean ball in it: such points are drawn in to the surface.
    return limits.project(values + (2 * draws - 1) * limits.epsilon, values)
