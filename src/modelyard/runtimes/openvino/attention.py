"""Attention of a language model as one operator in each layer.

What came by way of ONNX does attention in a dozen operators and copies each key for the heads that share it.
``ScaledDotProductAttention`` does the same in one, and is what OpenVINO can give a cache of its own (``paged_cache``).
Knows graphs with the inputs and outputs of a language model (``past.N.key``, ``logits_at``, …), and no model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

FURTHEST = 14
"""Operators from the keys of a layer to its softmax, at most."""
NEAR = 4
"""From a softmax to the product with the values: between them exporters replace what is no number."""
COMPARISONS = ("Less", "LessEqual", "Greater", "GreaterEqual", "Equal", "NotEqual")
COMPUTATIONS = frozenset({"Multiply", "Divide", "MatMul", "Power"})


@dataclass(frozen=True)
class _Attention:
    """What one layer does; ports of operators.

    Attributes:
        query: before it is scaled, (batch, heads, new, size).
        key: old and new ones, (batch, groups of heads, past + new, size).
        value: likewise.
        mask: what is added to the scores.
        scale: what the scores are multiplied by.
        heads: of the query.
        result: what was attended to, (batch, heads, new, size).
    """

    query: Any
    key: Any
    value: Any
    mask: Any
    scale: float
    heads: int
    result: Any


def fuse(graph: Any) -> bool:
    """Replace attention in every layer of an ``openvino.Model``, which stays the same function.

    Returns:
        False where it is no language model with a cache, or a layer does something else; it is as good as before then.
    """
    from openvino._offline_transformations import apply_moc_transformations

    outputs = by_name(graph.outputs)
    layers = sum(name.endswith(".key") for name in outputs)
    if not layers or "logits_at" not in by_name(graph.inputs):
        return False
    apply_moc_transformations(graph, cf=False, smart_reshape=False)
    found = [
        _find(*(outputs[f"present.{layer}.{kind}"].get_node().input_value(0) for kind in ("key", "value")))
        for layer in range(layers)
    ]
    picked = _picked(by_name(graph.inputs)["logits_at"])
    whole = [attention for attention in found if attention is not None]
    if picked is None or len(whole) < layers:
        return False
    for attention in whole:
        _replace(attention)
    _pick(graph, *picked)
    _count_rows_by_ids(graph)
    graph.validate_nodes_and_infer_types()
    return True


def by_name(ports: Sequence[Any]) -> Mapping[str, Any]:
    """Inputs or outputs of a graph by their names."""
    return {port.get_any_name(): port for port in ports}


def _find(key: Any, value: Any) -> _Attention | None:
    """The attention over the keys and values that a layer gives out."""
    softmax = _ahead(key.get_node(), "Softmax", FURTHEST)
    product = softmax and _ahead(softmax, "MatMul", NEAR)
    masked = softmax and softmax.input_value(0).get_node()
    if not product or masked.get_type_name() != "Add":
        return None
    sides = [masked.input_value(0), masked.input_value(1)]
    scores = [side.get_node() for side in sides if side.get_node().get_type_name() == "MatMul"]
    if len(scores) != 1:
        return None
    (mask,) = [side for side in sides if side.get_node() != scores[0]]
    query, scale = _unscaled(scores[0].input_value(0))
    _, of_keys = _unscaled(scores[0].input_value(1))
    if not _is_causal(mask):
        return None
    heads = product.input_value(1).get_partial_shape()[1]
    if not heads.is_static:
        return None
    return _Attention(query, key, value, mask, scale * of_keys, heads.get_length(), product.output(0))


def _ahead(node: Any, kind: str, most: int) -> Any:
    """The nearest operator of a kind that works on what an operator gives, or None."""
    near = [node]
    for _ in range(most):
        near = [taker.get_node() for one in near for port in one.outputs() for taker in port.get_target_inputs()]
        for one in near:
            if one.get_type_name() == kind:
                return one
    return None


def _unscaled(port: Any) -> tuple[Any, float]:
    """Before products with a single number, and these numbers' product."""
    scale = 1.0
    while port.get_node().get_type_name() == "Multiply":
        sides = [port.get_node().input_value(side) for side in (0, 1)]
        numbers = [side for side in sides if _is_number(side.get_node())]
        if len(numbers) != 1:
            break
        scale *= float(numbers[0].get_node().data.item())
        (port,) = [side for side in sides if side.get_node() != numbers[0].get_node()]
    return port, scale


def _is_causal(mask: Any) -> bool:
    """Whether a mask leaves all earlier tokens, as far as one can see: it compares places once and computes with none.

    A window or a chunk compares twice, a bias by distance multiplies. A cache in pages knows neither.
    """
    seen: dict[str, str] = {}
    near = [mask.get_node()]
    while near:
        node = near.pop()
        if node.get_friendly_name() not in seen:
            seen[node.get_friendly_name()] = node.get_type_name()
            near += [port.get_node() for port in node.input_values()]
    kinds = list(seen.values())
    return sum(map(kinds.count, COMPARISONS)) == 1 and not set(kinds) & COMPUTATIONS


def _is_number(node: Any) -> bool:
    return bool(node.get_type_name() == "Constant" and node.data.size == 1)


def _replace(attention: _Attention) -> None:
    from openvino import opset13 as operators

    fused = operators.scaled_dot_product_attention(
        attention.query,
        _for_each_head(attention.key, attention.heads),
        _for_each_head(attention.value, attention.heads),
        attention.mask,
        operators.constant(np.float32(attention.scale)),
        causal=False,
    )
    _give(attention.result, fused.output(0))


def _for_each_head(port: Any, heads: int) -> Any:
    """Keys or values, repeated in the way that OpenVINO knows and does not do: its attention shares them."""
    from openvino import opset13 as operators

    _, groups, _, size = port.get_partial_shape()
    if groups.get_length() == heads:
        return port
    repeats = np.array([1, 1, heads // groups.get_length(), 1, 1])
    apart = operators.unsqueeze(port, operators.constant(np.int64(2)))
    repeated = operators.broadcast(apart, operators.constant(repeats), broadcast_spec="BIDIRECTIONAL")
    shape = operators.constant(np.array([0, heads, -1, size.get_length()]))
    return operators.reshape(repeated, shape, special_zero=True)


def _picked(logits_at: Any) -> tuple[Any, Any] | None:
    """The hidden states of all new tokens, (batch, new, size), and those of which logits are asked."""
    gather = _ahead(logits_at.get_node(), "GatherND", FURTHEST)
    turned = gather and gather.input_value(0).get_node()
    back = gather and _ahead(gather, "Transpose", 1)
    if not back or turned.get_type_name() != "Transpose":
        return None
    return turned.input_value(0), back.output(0)


def _pick(graph: Any, hidden: Any, picked: Any) -> None:
    """Pick tokens in one operator, whose axis a cache can change."""
    from openvino import opset13 as operators

    zero, one = operators.constant(np.int64(0)), operators.constant(np.int64(1))
    places = operators.gather(by_name(graph.inputs)["logits_at"], zero, zero)
    _give(picked, operators.gather(hidden, places, one).output(0))


def _count_rows_by_ids(graph: Any) -> None:
    """Take the number of rows from ``input_ids`` and not from a cache: one in pages has no rows."""
    from openvino import opset13 as operators

    inputs = by_name(graph.inputs)
    for name, port in inputs.items():
        if name.startswith("past."):
            for shape in [taker.get_node() for taker in port.get_target_inputs()]:
                if shape.get_type_name() == "ShapeOf":
                    kind = shape.get_output_element_type(0).get_type_name()
                    of_ids = operators.shape_of(inputs["input_ids"], output_type=kind)
                    _give(shape.output(0), of_ids.output(0), only=_takes_rows)


def _takes_rows(node: Any) -> bool:
    """Whether it picks the first number of a shape."""
    return bool(node.get_type_name() == "Gather") and not np.any(node.input_value(1).get_node().data)


def _give(old: Any, new: Any, only: Any = None) -> None:
    """Let everything that takes one port (or what ``only`` says) take another."""
    for taker in old.get_target_inputs():
        if only is None or only(taker.get_node()):
            taker.replace_source_output(new)
