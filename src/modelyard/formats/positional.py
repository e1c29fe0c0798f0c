"""A network behind a list of tensors, as exporters want it: they know no keyword arguments.

Knows networks by their named arrays only.
"""

from __future__ import annotations

from typing import Any


def positional(network: Any, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Any:
    """The network behind a list of tensors: names such as ``past.0.key`` are no Python names."""
    import torch

    class Positional(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, tensors: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
            found = self.network(**dict(zip(inputs, tensors, strict=True)))
            return tuple(found[name] for name in outputs)

    return Positional().eval()
