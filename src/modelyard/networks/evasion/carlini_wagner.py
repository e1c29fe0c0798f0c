"""Carlini and Wagner's attack (2017): the shortest change in the Euclidean norm that makes an answer wrong.

Values are written as tanh of what is optimized, so they never leave their range; the weight of the misclassification
against the length is found by bisection. Knows a function from values to logits, no model.
"""

from __future__ import annotations

import torch

from modelyard.networks.evasion.limits import Limits, lengths
from modelyard.networks.evasion.pgd import Logits

NEARLY = 0.999999
"""tanh reaches 1 at infinity only: values at the ends of their range start this near to them."""
LARGEST_WEIGHT = 1e10


def carlini_wagner(
    logits: Logits,
    values: torch.Tensor,
    targets: torch.Tensor,
    limits: Limits,
    *,
    iterations: int,
    searches: int,
    rate: float,
    first_weight: float = 0.1,
) -> torch.Tensor:
    """The nearest wrong point found for each row; the row itself where none was, or where it is answered wrongly.

    Args:
        limits: range, free values and grid; the budget is not used, since the attack looks for the least one.
        iterations: steps of Adam in each search.
        searches: bisections of the weight.
        rate: of Adam.
    """
    best, best_length = values.clone(), torch.full((len(values),), torch.inf, device=values.device)
    least, most = torch.zeros_like(best_length), torch.full_like(best_length, torch.inf)
    weight = torch.full_like(best_length, first_weight)
    for _ in range(searches):
        turned = torch.zeros(len(values), dtype=torch.bool, device=values.device)
        point = _unbounded(values, limits).requires_grad_()
        optimizer = torch.optim.Adam([point], lr=rate)
        for _ in range(iterations):
            with torch.enable_grad():
                moved = values + (_bounded(point, limits) - values) * limits.free
                margin = _margin(logits(moved), targets)
                length = lengths(moved - values).flatten()
                loss = (length**2 + weight * margin.clamp(min=0)).sum()
                (point.grad,) = torch.autograd.grad(loss, point)
            optimizer.step()
            turned |= _keep_shortest(logits, moved.detach(), values, targets, limits, best, best_length)
        most = torch.where(turned, torch.minimum(most, weight), most)
        least = torch.where(turned, least, torch.maximum(least, weight))
        middle = torch.where(torch.isinf(most), 10 * weight, (least + most) / 2)
        weight = middle.clamp(max=LARGEST_WEIGHT)
    return best


def _keep_shortest(
    logits: Logits,
    moved: torch.Tensor,
    values: torch.Tensor,
    targets: torch.Tensor,
    limits: Limits,
    best: torch.Tensor,
    best_length: torch.Tensor,
) -> torch.Tensor:
    """Note where a shorter change makes the answer wrong, as it can occur; gives the rows where it is wrong."""
    settled = limits.settle(moved, values)
    with torch.no_grad():
        wrong = _margin(logits(settled), targets) < 0
    length = lengths(settled - values).flatten()
    better = wrong & (length < best_length)
    best[better], best_length[better] = settled[better], length[better]
    return wrong


def _margin(answers: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Logit of the right class less the greatest other one; below zero where the answer is wrong."""
    own = answers.gather(1, targets[:, None])
    others = answers.scatter(1, targets[:, None], -torch.inf).amax(dim=1)
    return own.flatten() - others


def _unbounded(values: torch.Tensor, limits: Limits) -> torch.Tensor:
    middle, half = (limits.high + limits.low) / 2, (limits.high - limits.low) / 2
    return torch.atanh(((values - middle) / half).clamp(-1, 1) * NEARLY).detach()


def _bounded(point: torch.Tensor, limits: Limits) -> torch.Tensor:
    return (limits.high + limits.low) / 2 + (limits.high - limits.low) / 2 * torch.tanh(point)
