"""Int8 weights with a scale for every 32 of a row, for language models.

A few activations of a language model are hundreds of times larger than the others; one range for all of a tensor
leaves nothing for the rest (SmolLM2-135M on book excerpts: perplexity 105.5 in float32, 105.2 in blocks, 175 with one
range for each tensor). Here activations are quantized in blocks too, by ONNX Runtime's operator MatMulNBits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.methods.weight_blocks import BLOCK, to_blocks

BITS = 8
MIDDLE = 128
"""The uint8 that stands for zero."""
DOMAIN = "com.microsoft"
INT8_PRODUCTS = 4
"""``accuracy_level``: activations may be quantized to int8, in the same blocks."""


def quantize(graph: Any) -> Any:
    """The given ``onnx.ModelProto`` with the weights of its matrix products and embeddings in blocks of int8.

    A table that is an embedding and, transposed, the last layer too stays one table. Weights whose rows are no
    whole number of blocks stay in float32.
    """
    return replace_weights(graph, BlockWeights(graph.graph))


def replace_weights(graph: Any, weights: BlockWeights) -> Any:
    """The given ``onnx.ModelProto`` with each node replaced as ``weights`` does, and without what is left over."""
    from onnx import helper

    body = graph.graph
    nodes = [made for node in body.node for made in weights.replace(node)]
    used = {name for node in nodes for name in node.input} | {output.name for output in body.output}
    # What only a quantized weight came from: transposed tables, and the floats themselves.
    nodes = [node for node in nodes if used & set(node.output)]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in [*body.initializer, *weights.tensors.values()] if tensor.name in used]
    del body.node[:], body.initializer[:], body.value_info[:]
    body.node.extend(nodes)
    body.initializer.extend(kept)
    graph.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    return graph


class BlockWeights:
    """The float tables of a graph, and their blocks as far as they were asked for."""

    def __init__(self, body: Any) -> None:
        self.tensors: dict[str, Any] = {}
        self.tables = {tensor.name: tensor for tensor in body.initializer if len(tensor.dims) == 2}
        self._transposed = {
            node.output[0]: node.input[0]
            for node in body.node
            if node.op_type == "Transpose" and node.input[0] in self.tables
        }

    def replace(self, node: Any) -> list[Any]:
        """The nodes that do the same with blocks, or the node itself."""
        if node.op_type == "Gather" and self.can_be_cut(node.input[0], transpose=False):
            self._blocks(node.input[0], transpose=False)
            return self._gather(node)
        if node.op_type == "MatMul":
            weight = node.input[1]
            name = self._transposed.get(weight, weight)
            # Blocks run along what a product sums over: the columns of a table that it takes transposed.
            transpose = weight not in self._transposed
            if self.can_be_cut(name, transpose=transpose):
                return self.product(node, name, transpose=transpose)
        return [node]

    def can_be_cut(self, name: str, *, transpose: bool) -> bool:
        """Whether there is such a table, and its rows (or columns) are whole numbers of blocks."""
        return name in self.tables and self.tables[name].dims[0 if transpose else 1] % BLOCK == 0

    def product(self, node: Any, name: str, *, transpose: bool) -> list[Any]:
        """The nodes that multiply by the table, or by the transposed one."""
        self._blocks(name, transpose=transpose)
        return [self._product(node, name, transpose=transpose)]

    def _gather(self, node: Any) -> list[Any]:
        from onnx import helper, numpy_helper

        name = node.input[0]
        shape = numpy_helper.from_array(np.array(self.tables[name].dims, np.int64), f"{name}_shape")
        self.tensors[shape.name] = shape
        flat = helper.make_node("Reshape", [f"{name}_blocks", shape.name], [f"{name}_flat"])
        gather = helper.make_node(
            "GatherBlockQuantized",
            [f"{name}_flat", node.input[1], f"{name}_scales"],
            list(node.output),
            domain=DOMAIN,
            bits=BITS,
            block_size=BLOCK,
            gather_axis=0,
            quantize_axis=1,
        )
        return [flat, gather]

    def _product(self, node: Any, name: str, *, transpose: bool) -> Any:
        from onnx import helper

        rows, columns = self.tables[name].dims
        suffix = "_transposed" if transpose else ""
        return helper.make_node(
            "MatMulNBits",
            [node.input[0], f"{name}{suffix}_blocks", f"{name}{suffix}_scales"],
            list(node.output),
            domain=DOMAIN,
            K=rows if transpose else columns,
            N=columns if transpose else rows,
            bits=BITS,
            block_size=BLOCK,
            accuracy_level=INT8_PRODUCTS,
        )

    def _blocks(self, name: str, *, transpose: bool) -> None:
        """Make ``NAME_blocks`` and ``NAME_scales``, once."""
        from onnx import numpy_helper

        target = f"{name}_transposed" if transpose else name
        if f"{target}_blocks" not in self.tensors:
            blocks, scales = to_blocks(self.table(name, transpose=transpose))
            unsigned = (blocks.astype(np.int16) + MIDDLE).astype(np.uint8)
            self.tensors[f"{target}_blocks"] = numpy_helper.from_array(unsigned, f"{target}_blocks")
            self.tensors[f"{target}_scales"] = numpy_helper.from_array(scales, f"{target}_scales")

    def table(self, name: str, *, transpose: bool) -> np.ndarray:
        """The float values, one output a row."""
        from onnx import numpy_helper

        table = numpy_helper.to_array(self.tables[name])
        return table.T if transpose else table
