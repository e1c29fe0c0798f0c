"""Gives a foreign ONNX graph the inputs and outputs that a task knows, with small graphs before and behind it.

The graph in the middle stays as it is; what nothing asks for any more is left out. Knows no meaning of what flows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.formats import onnx_source

PREFIX = "source/"
"""Before every name of the foreign graph, so that none is taken."""
BATCH = "batch"
LATEST_IR = 10

Size = int | str | None
"""Of an axis: a length, a name for one that varies, or nothing known."""


@dataclass(frozen=True)
class Port:
    """An input of a foreign graph.

    Attributes:
        type: as ONNX counts element types; ``TensorProto.STRING`` for text.
        shape: length of each axis, None where it varies.
    """

    name: str
    type: int
    shape: tuple[int | None, ...]


class Rewiring:
    """A foreign graph whose inputs are to be connected and whose outputs are to be read.

    Args:
        graph: an ``onnx.ModelProto`` with its tensors inside.
    """

    def __init__(self, graph: Any) -> None:
        from onnx import compose

        held = {item.name for item in graph.graph.initializer}
        held |= {item.values.name for item in graph.graph.sparse_initializer}
        self.ports = tuple(_port(item) for item in graph.graph.input if item.name not in held)
        self._source = compose.add_prefix(graph, PREFIX)
        self._nodes, zipped = _without_maps(self._source.graph.node)
        self.outputs = {item.name: zipped.get(PREFIX + item.name, PREFIX + item.name) for item in graph.graph.output}
        self._types = {item.name: item.type.tensor_type.elem_type for item in graph.graph.output}
        self._inputs: list[Any] = []
        self._before: list[Any] = []
        self._behind: list[Any] = []
        self._constants: list[Any] = []

    def input(self, name: str, type: int, shape: Sequence[Size]) -> str:
        """Declare an input of the finished graph."""
        from onnx import helper

        self._inputs.append(helper.make_tensor_value_info(name, type, list(shape)))
        return name

    def before(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node before the foreign graph and return the name of its output."""
        return _add(self._before, "before", operator, inputs, attributes)

    def behind(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Add a node behind the foreign graph and return the name of its output."""
        return _add(self._behind, "behind", operator, inputs, attributes)

    def constant(self, values: Any, type: Any = np.int64) -> str:
        """Add a constant and return its name."""
        from onnx import numpy_helper

        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, dtype=type), name))
        return name

    def connect(self, port: Port, value: str) -> None:
        """Feed an input of the foreign graph."""
        from onnx import helper

        self._before.append(helper.make_node("Identity", [value], [PREFIX + port.name], f"connect_{port.name}"))

    def producer(self, output: str) -> str:
        """The operator that computes an output, apart from those that only change its shape or type."""
        made = {name: node for node in self._nodes for name in node.output}
        name = self.outputs[output]
        while name in made and made[name].op_type in ("Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Cast"):
            name = made[name].input[0]
        return str(made[name].op_type) if name in made else ""

    def raw(self) -> Any:
        """The graph with the outputs of the foreign one that are numbers, as an ``onnx.ModelProto``."""
        from onnx import TensorProto, helper

        outputs = []
        for name, value in self.outputs.items():
            type = self._types[name] or TensorProto.FLOAT
            if type != TensorProto.STRING:
                outputs.append(helper.make_tensor_value_info(value, type, None))
        return self._model(outputs)

    def model(self, name: str, value: str, shape: Sequence[Size]) -> Any:
        """The graph with one float output, as an ``onnx.ModelProto``."""
        from onnx import TensorProto, helper

        last = helper.make_node("Identity", [value], [name], "answer")
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
        return self._model([output], last)

    def _model(self, outputs: Sequence[Any], *last: Any) -> Any:
        from onnx import helper

        nodes = _needed([*self._before, *self._nodes, *self._behind, *last], {item.name for item in outputs})
        used = set(_names_used(nodes))
        constants = [item for item in [*self._source.graph.initializer, *self._constants] if item.name in used]
        sparse = [item for item in self._source.graph.sparse_initializer if item.values.name in used]
        graph = helper.make_graph(nodes, "model", self._inputs, outputs, constants, sparse_initializer=sparse)
        opsets = [helper.make_opsetid(item.domain, item.version) for item in self._source.opset_import]
        if not any(item.domain in ("", "ai.onnx") for item in opsets):
            opsets.append(helper.make_opsetid("", onnx_source.OLDEST_OPSET))
        version = min(max(self._source.ir_version, 7), LATEST_IR)
        return helper.make_model(graph, ir_version=version, opset_imports=opsets)


def _port(item: Any) -> Port:
    tensor = item.type.tensor_type
    shape = tuple(axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim)
    return Port(item.name, tensor.elem_type, shape)


def _add(nodes: list[Any], place: str, operator: str, inputs: Sequence[str], attributes: Mapping[str, Any]) -> str:
    from onnx import helper

    name = f"{place}_{len(nodes)}_{operator}"
    nodes.append(helper.make_node(operator, list(inputs), [name], name, **attributes))
    return name


def _without_maps(nodes: Iterable[Any]) -> tuple[list[Any], dict[str, str]]:
    """The nodes without those that turn a table of scores into mappings, and output of such → the table."""
    kept, zipped = [], {}
    for node in nodes:
        if node.op_type == "ZipMap":
            zipped[node.output[0]] = node.input[0]
        else:
            kept.append(node)
    return kept, zipped


def _needed(nodes: Sequence[Any], wanted: set[str]) -> list[Any]:
    """The nodes, in their order, that the wanted names depend on."""
    kept = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted = wanted.union(_names_used([node]))
    return kept[::-1]


def _names_used(nodes: Iterable[Any]) -> Iterable[str]:
    for node in nodes:
        yield from node.input
        for attribute in node.attribute:
            for branch in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _names_used(branch.node)
                yield from (item.name for item in branch.output)
