"""What the layers of a network give for a batch. Knows no architecture; layers are named as torch names them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from modelyard.core.errors import InputError, suggestion
from modelyard.networks.input_gradients import watch


def shapes(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
    """Shape of what each innermost layer gives for a batch, in the order in which they run."""
    found: dict[str, tuple[int, ...]] = {}

    def seen(name: str, tensor: Tensor) -> None:
        found[name] = tuple(tensor.shape)

    handles = [
        watch(module, partial(seen, name)) for name, module in network.named_modules() if not list(module.children())
    ]
    try:
        _run(network, arrays)
    finally:
        for handle in handles:
            handle.remove()
    return found


def default(found: Mapping[str, tuple[int, ...]]) -> str:
    """The last layer that still has places (maps over an image, tokens), or else the last one before the answer."""
    for rank in (4, 3):
        for name in reversed(list(found)):
            if len(found[name]) == rank and found[name][-1] > 1 and found[name][-2] > 1:
                return name
    return list(found)[max(0, len(found) - 2)]


def capture(network: nn.Module, arrays: Mapping[str, np.ndarray], layer: str) -> np.ndarray:
    """What one layer gives, with its channels last: [rows, places…, channels].

    Raises:
        InputError: there is no such layer.
    """
    modules = dict(network.named_modules())
    if layer not in modules or not layer:
        raise InputError(
            f"the network has no layer {layer!r}", fix=suggestion(layer, [name for name in modules if name])
        )
    found: list[Tensor] = []
    handle = watch(modules[layer], found.append)
    try:
        _run(network, arrays)
    finally:
        handle.remove()
    if not found:
        raise InputError(f"the layer {layer!r} gives no tensor", expected="a layer that runs on every row")
    last = found[-1].detach()
    return np.asarray((last.movedim(1, -1) if last.ndim == 4 else last).float().numpy())


def _run(network: nn.Module, arrays: Mapping[str, np.ndarray]) -> None:
    with torch.no_grad():
        network(**{name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()})
