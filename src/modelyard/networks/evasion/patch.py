"""Where an attack that may do as it likes with a small part of a row does most harm (after Karmon et al. 2018).

The part of an image is a square, that of a table's row some of its columns; it is where the gradient of the loss is
largest. Knows a function from values to logits, no model.
"""

from __future__ import annotations

import torch

from modelyard.networks.evasion.pgd import Logits, input_gradient


def choose(
    logits: Logits, values: torch.Tensor, targets: torch.Tensor, free: torch.Tensor, share: float
) -> torch.Tensor:
    """1 where the patch of each row lies, else 0, in the shape of the rows.

    Args:
        values: (rows, channels, height, width) of images, or (rows, columns).
        free: 1 where a value may change.
        share: of the pixels or columns; at least one.
    """
    strength = (input_gradient(logits, values, targets)[0] * free).abs()
    return _squares(strength, share) if values.dim() == 4 else _columns(strength, share) * free


def _squares(strength: torch.Tensor, share: float) -> torch.Tensor:
    height, width = strength.shape[2:]
    side = min(height, width, max(1, round((share * height * width) ** 0.5)))
    sums = torch.nn.functional.avg_pool2d(strength.sum(dim=1, keepdim=True), side, stride=1)
    best = sums.flatten(1).argmax(dim=1)
    mask = torch.zeros_like(strength)
    for row, place in enumerate(best.tolist()):
        top, left = divmod(place, width - side + 1)
        mask[row, :, top : top + side, left : left + side] = 1
    return mask


def _columns(strength: torch.Tensor, share: float) -> torch.Tensor:
    count = max(1, round(share * strength.shape[1]))
    return torch.zeros_like(strength).scatter(1, strength.topk(count, dim=1).indices, 1)
