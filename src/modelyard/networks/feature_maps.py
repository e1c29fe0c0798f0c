"""The last feature maps of an image network, and how a class's score depends on them. Knows no architecture."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from modelyard.core.errors import InputError
from modelyard.networks.input_gradients import RowFunction, watch


def last_maps(network: nn.Module, function: RowFunction) -> tuple[np.ndarray, np.ndarray]:
    """Activations [channels, rows, columns] of the last layer that still has places, and their gradients.

    Raises:
        InputError: no layer gives maps.
    """
    found: list[Tensor] = []

    def seen(tensor: Tensor) -> None:
        if tensor.ndim == 4 and tensor.shape[-1] * tensor.shape[-2] > 1 and tensor.requires_grad:
            found[:] = [tensor]

    handles = [watch(module, seen) for module in network.modules() if not list(module.children())]
    try:
        given = torch.from_numpy(function.inputs[None].astype(np.float32)).requires_grad_()
        score = function.score(given)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        raise InputError(
            "no layer of the network gives maps over the image",
            expected="a convolutional network",
            fix="use method: integrated, or explain attention",
        )
    (gradients,) = torch.autograd.grad(score.sum(), found[0])
    return found[0][0].detach().numpy(), gradients[0].numpy()
