"""Weights of 4 or 8 bits in blocks of 32, activations left in float32: answers stay nearest to the float model's.

A block is ``scale * (steps - middle) + offset``. ONNX Runtime's operator MatMulNBits does the first term in 4 bits
with float activations; the offset's share of a product is the sum of each block's activations times the offsets, a
matrix product 32 times as small. So 4-bit files such as GGUF's Q4_1, whose blocks have scale and offset, keep their
very values. Eight bits are two planes of four. Knows no task.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.methods.weight_blocks import BLOCK, pack, to_steps
from modelyard.runtimes.onnxruntime.block_weights import DOMAIN, INT8_PRODUCTS, BlockWeights, replace_weights

PLANE = 4
"""Bits of one operator's weights."""
STEPS = 2**PLANE
MIDDLE = STEPS // 2
"""What the operator takes off each step."""
FLOAT_PRODUCTS = 1
"""``accuracy_level``: activations stay in float32."""


def quantize(graph: Any, *, bits: int, int8_activations: bool = False) -> Any:
    """The given ``onnx.ModelProto`` with the weights of its matrix products in blocks of ``bits`` bits.

    Embeddings, and a last layer that shares their table, are stored in blocks of int8, and that layer's input is
    quantized alike. A table of its own would be a third of the file and change one in a hundred likeliest tokens less.

    Args:
        bits: 4 or 8.
        int8_activations: round the input of each product to int8 in blocks, as ``block_weights`` does: faster.
    """
    return replace_weights(graph, _WeightOnly(graph.graph, bits, INT8_PRODUCTS if int8_activations else FLOAT_PRODUCTS))


class _WeightOnly(BlockWeights):
    """Products by nodes on planes of four bits and on the offsets of the blocks."""

    def __init__(self, body: Any, bits: int, accuracy_level: int) -> None:
        super().__init__(body)
        self._bits, self._accuracy_level = bits, accuracy_level
        self._summed: set[str] = set()
        self._gathered = {node.input[0] for node in body.node if node.op_type == "Gather"}

    def product(self, node: Any, name: str, *, transpose: bool) -> list[Any]:
        if name in self._gathered:
            return super().product(node, name, transpose=transpose)
        from onnx import helper

        outputs, inputs = self.table(name, transpose=transpose).shape
        planes = self._planes(name, transpose=transpose)
        result = node.output[0]
        nodes = [
            helper.make_node(
                "MatMulNBits",
                [node.input[0], f"{plane}_steps", f"{plane}_scales"],
                [f"{result}_plane{number}"],
                domain=DOMAIN,
                K=inputs,
                N=outputs,
                bits=PLANE,
                block_size=BLOCK,
                accuracy_level=self._accuracy_level,
            )
            for number, plane in enumerate(planes)
        ]
        sums = f"{node.input[0]}_block_sums"
        if sums not in self._summed:
            # Several products take the same input: its sums are made once.
            self._summed.add(sums)
            nodes.append(helper.make_node("MatMul", [node.input[0], self._block_sums(inputs)], [sums]))
        nodes.append(helper.make_node("MatMul", [sums, f"{name}_offsets"], [f"{result}_offset"]))
        parts = [*(f"{result}_plane{number}" for number in range(len(planes))), f"{result}_offset"]
        return [*nodes, helper.make_node("Sum", parts, [result])]

    def _planes(self, name: str, *, transpose: bool) -> list[str]:
        """Make the tensors of each plane and the offsets, once; names of the planes."""
        planes = [f"{name}_plane{number}" for number in range(self._bits // PLANE)]
        if f"{name}_offsets" in self.tensors:
            return planes
        table = self.table(name, transpose=transpose)
        steps, scales, offsets = to_steps(table, self._bits)
        for number, plane in enumerate(planes):
            weight = STEPS**number
            self._keep(f"{plane}_steps", pack((steps // weight) % STEPS))
            self._keep(f"{plane}_scales", scales * np.float32(weight))
            offsets = offsets + scales * np.float32(weight * MIDDLE)
        self._keep(f"{name}_offsets", np.ascontiguousarray(offsets.T))
        return planes

    def _block_sums(self, inputs: int) -> str:
        """Name of the matrix that adds up the values of each block, shape (inputs, blocks)."""
        name = f"sums_of_{inputs}"
        if name not in self.tensors:
            self._keep(name, np.repeat(np.eye(inputs // BLOCK, dtype=np.float32), BLOCK, axis=0))
        return name

    def _keep(self, name: str, array: np.ndarray) -> None:
        from onnx import numpy_helper

        self.tensors[name] = numpy_helper.from_array(array, name)
