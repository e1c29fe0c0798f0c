"""A network as a graph: which convolution and batch norm each node is, and what reads what it gives.

Knows no architecture. Layers that are used twice are none here: they cannot be changed for one place alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

aten = torch.ops.aten
_LAYERS = {aten.conv2d.default, aten.conv2d.padding, aten.batch_norm.default}


class Traced:
    """The graph of a network in evaluation mode.

    Args:
        example: inputs that it can be traced with.
    """

    def __init__(self, network: nn.Module, example: Mapping[str, Tensor]) -> None:
        program = torch.export.export(network, (), dict(example))
        self.nodes: list[Any] = list(program.graph.nodes)
        self._network = network
        self._owners = program.graph_signature.inputs_to_parameters

    def name(self, node: Any) -> str | None:
        """Where in the network the convolution or batch norm lies that a node is; None for any other node."""
        if node.target not in _LAYERS:
            return None
        weight = node.args[1]
        if weight is None or len(weight.users) != 1 or weight.name not in self._owners:
            return None
        return str(self._owners[weight.name]).rpartition(".")[0]

    def layer(self, node: Any) -> nn.Conv2d | nn.BatchNorm2d | None:
        """That convolution or batch norm itself."""
        name = self.name(node)
        layer = None if name is None else self._network.get_submodule(name)
        return layer if isinstance(layer, nn.Conv2d | nn.BatchNorm2d) else None


def only_reader(node: Any) -> Any:
    """The one operation that takes what a node gives as its first argument; None where there are others."""
    if len(node.users) != 1:
        return None
    reader = next(iter(node.users))
    return reader if reader.op == "call_function" and reader.args[0] is node else None
