"""Where an attack may go: a ball around each row, inside the range that values have. Knows no network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

Norm = Literal["linf", "l2"]
SMALLEST = 1e-12
"""Keeps a division by a length of zero finite."""
SLACK = 1e-3
"""Of a step of the grid: what is this near to the next value has reached it, rounding aside."""


@dataclass(frozen=True)
class Limits:
    """Limits of a batch of rows.

    Attributes:
        epsilon: radius of the ball.
        norm: ``linf`` for the largest change of a value, ``l2`` for the length of all changes together.
        low: least values, of a shape that broadcasts to the rows'.
        high: greatest values, likewise.
        free: 1 where a value may change, else 0, likewise.
        grid: distance between values that can occur, 0 for any.
    """

    epsilon: float
    norm: Norm
    low: torch.Tensor
    high: torch.Tensor
    free: torch.Tensor
    grid: float = 0.0

    def rows(self, chosen: torch.Tensor) -> Limits:
        """The same for some of the rows."""
        low, high, free = (
            tensor[chosen] if tensor.shape[0] > 1 else tensor for tensor in (self.low, self.high, self.free)
        )
        return Limits(self.epsilon, self.norm, low, high, free, self.grid)

    def project(self, moved: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """The nearest point inside: first the range, then the ball, as most implementations do."""
        change = (torch.minimum(torch.maximum(moved, self.low), self.high) - origin) * self.free
        if self.norm == "linf":
            return origin + change.clamp(-self.epsilon, self.epsilon)
        length = lengths(change)
        return origin + change * (self.epsilon / length.clamp(min=max(self.epsilon, SMALLEST)))

    def settle(self, moved: torch.Tensor, origin: torch.Tensor) -> torch.Tensor:
        """The values that can occur: changes are cut, towards the row, to whole steps of the grid."""
        if not self.grid:
            return moved
        steps = (moved - origin) / self.grid
        return origin + torch.trunc(steps + SLACK * steps.sign()) * self.grid

    def direction(self, gradient: torch.Tensor) -> torch.Tensor:
        """Steepest ascent of length 1 in the norm, within the values that are free."""
        free = gradient * self.free
        return free.sign() if self.norm == "linf" else free / lengths(free).clamp(min=SMALLEST)


def lengths(change: torch.Tensor) -> torch.Tensor:
    """Euclidean length of each row, in a shape that broadcasts to the rows'."""
    found: torch.Tensor = torch.linalg.vector_norm(change.flatten(1), dim=1)
    return found.view(-1, *[1] * (change.dim() - 1))
