"""What a classifier's last linear layer reads: the features that it has made of a row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from modelyard.core.errors import InputError


def features(network: Any, run: Callable[[], Any]) -> torch.Tensor:
    """Input of the last linear layer, (rows, width), while ``run`` runs the network without gradients.

    Raises:
        InputError: the network has no linear layer, or it was not run.
    """
    layers = [module for module in network.modules() if isinstance(module, torch.nn.Linear)]
    caught: list[torch.Tensor] = []
    if layers:
        handle = layers[-1].register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].flatten(1)))
        try:
            with torch.no_grad():
                run()
        finally:
            handle.remove()
    if not caught:
        raise InputError("the network has no linear layer at its end", expected="a classifier with a linear head")
    return caught[-1]
