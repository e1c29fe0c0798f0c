"""Weights of 4 or 8 bits in blocks of 32, which OpenVINO multiplies as they lie.

A block of eight bits has a step; one of four bits has a step and a beginning, so that 4-bit files such as GGUF's Q4_1
keep their very values: the zero of a block need not be one of its steps. An embedding table, and a last layer that
shares it, is in eight bits either way: rounding it to four costs more than all other layers. Knows no task.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.methods.weight_blocks import BLOCK, pack, to_blocks, to_steps


def compress(graph: Any, bits: int) -> None:
    """Replace the tables of products and embeddings in an ``openvino.Model``.

    Args:
        bits: 4 or 8.
    """
    operations = graph.get_ordered_ops()
    gathered = {_table(node, 0).get_friendly_name() for node in operations if _table(node, 0) is not None}
    made: dict[tuple[str, bool], Any] = {}
    for node in operations:
        side = 0 if node.get_type_name() == "Gather" else 1
        table = _table(node, side)
        if table is None:
            continue
        name = table.get_friendly_name()
        turned = side == 1 and not node.get_attributes()["transpose_b"]
        if (name, turned) not in made:
            values = table.data.T if turned else table.data
            if values.shape[1] % BLOCK:
                continue
            made[name, turned] = _eight(values) if bits == 8 or name in gathered else _four(values)
        _use(node, side, made[name, turned])
    graph.validate_nodes_and_infer_types()


def _table(node: Any, side: int) -> Any:
    """The float weights that a product or an embedding takes, or None."""
    if node.get_type_name() != ("Gather" if side == 0 else "MatMul"):
        return None
    table = node.input_value(side).get_node()
    is_table = table.get_type_name() == "Constant" and table.get_output_element_type(0).get_type_name() == "f32"
    return table if is_table and len(table.get_output_shape(0)) == 2 else None


def _eight(values: np.ndarray) -> Any:
    from openvino import opset13 as operators

    blocks, scales = to_blocks(values)
    widened = operators.convert(operators.constant(blocks), np.float32)
    return _whole(operators.multiply(widened, operators.constant(scales[:, :, None])), values)


def _four(values: np.ndarray) -> Any:
    from openvino import opset13 as operators

    steps, scales, offsets = to_steps(values, 4)
    # A block of one value is its beginning: no step is taken, so that its size does not matter.
    scales = np.where(scales == 0, np.where(offsets == 0, 1, offsets), scales)
    widened = operators.convert(operators.constant(_nibbles(steps)), np.float32)
    above = operators.subtract(widened, operators.constant((-offsets / scales)[:, :, None]))
    return _whole(operators.multiply(above, operators.constant(scales[:, :, None])), values)


def _nibbles(steps: np.ndarray) -> Any:
    """A tensor with memory of its own: a constant does not hold on to an array."""
    import openvino

    tensor = openvino.Tensor(openvino.Type.u4, openvino.Shape(steps.shape))
    tensor.data.reshape(-1)[:] = pack(steps).reshape(-1)
    return tensor


def _whole(blocks: Any, values: np.ndarray) -> Any:
    from openvino import opset13 as operators

    return operators.reshape(blocks, operators.constant(np.array(values.shape)), False)


def _use(node: Any, side: int, table: Any) -> None:
    """Let an operator take another table; one of a product has its outputs along the first axis."""
    from openvino import opset13 as operators

    if side == 0:
        node.input(0).replace_source_output(table.output(0))
        return
    turned = bool(node.get_attributes()["transpose_a"])
    product = operators.matmul(node.input_value(0), table, turned, True)
    for taker in node.output(0).get_target_inputs():
        taker.replace_source_output(product.output(0))
