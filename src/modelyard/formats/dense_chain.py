"""Reads an ONNX graph as a chain of dense layers with an activation between two of them.

What is affine between two activations (matrix products, sums, scales, normalization) becomes one dense layer, so that
a format for small networks need not know more. Knows no runtime.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.errors import InputError

ACTIVATIONS = {"Relu": "relu", "Tanh": "tanh", "Sigmoid": "sigmoid"}
_AS_IT_IS = frozenset({"Identity", "Dropout", "Flatten"})


@dataclass(frozen=True)
class Dense:
    """``activation(x @ weight + bias)``; weight of shape (inputs, outputs), bias of shape (outputs,), float64."""

    weight: np.ndarray
    bias: np.ndarray
    activation: str = "linear"


def read(graph: Any) -> list[Dense]:
    """The layers of an ``onnx.ModelProto`` with one input of shape (rows, features) and one output.

    Raises:
        InputError: it is no such chain.
    """
    from onnx import numpy_helper

    body = graph.graph
    constants = {tensor.name: numpy_helper.to_array(tensor).astype(np.float64) for tensor in body.initializer}
    inputs = [item for item in body.input if item.name not in constants]
    shape = inputs[0].type.tensor_type.shape.dim
    if len(inputs) != 1 or len(body.output) != 1 or len(shape) != 2 or not shape[1].dim_value:
        raise _no_chain("more than one input or output, or an input that is no row of numbers")
    width = int(shape[1].dim_value)
    layers = [Dense(np.eye(width), np.zeros(width))]
    current = inputs[0].name
    for node in body.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t).astype(np.float64)
            continue
        if current not in node.input:
            raise _no_chain(f"{node.op_type} beside the chain")
        layers = _extend(layers, node, constants, current)
        current = node.output[0]
    if current != body.output[0].name:
        raise _no_chain("an output from the middle of the chain")
    return layers


def _extend(layers: list[Dense], node: Any, constants: Mapping[str, np.ndarray], current: str) -> list[Dense]:
    if node.op_type in _AS_IT_IS:
        return layers
    *before, last = layers
    if node.op_type in ACTIVATIONS:
        if last.activation != "linear":
            width = len(last.bias)
            before, last = layers, Dense(np.eye(width), np.zeros(width))
        return [*before, Dense(last.weight, last.bias, ACTIVATIONS[node.op_type])]
    others = [constants[name] for name in node.input if name != current and name in constants]
    width = len(last.bias)
    weight, bias = _affine(node, others, width, first=node.input[0] == current)
    if last.activation != "linear":
        return [*layers, Dense(weight, bias)]
    return [*before, Dense(last.weight @ weight, last.bias @ weight + bias)]


def _affine(node: Any, others: Sequence[np.ndarray], width: int, *, first: bool) -> tuple[np.ndarray, np.ndarray]:
    """What a node does to a row of ``width`` numbers, as weight and bias."""
    kind, attributes = node.op_type, {item.name: item for item in node.attribute}
    identity, zeros = np.eye(width), np.zeros(width)
    if not others:
        raise _no_chain(f"{kind} without constants")
    if kind == "MatMul" and first and others[0].ndim == 2:
        return others[0], np.zeros(others[0].shape[1])
    if kind == "Gemm" and first:
        return _gemm(attributes, others)
    if kind == "BatchNormalization" and first:
        scale, shift, mean, variance = others
        factor = scale / np.sqrt(variance + (attributes["epsilon"].f if "epsilon" in attributes else 1e-5))
        return identity * factor, shift - mean * factor
    if kind in ("Add", "Sub", "Mul", "Div") and others[0].size in (1, width):
        value = np.broadcast_to(others[0].reshape(-1), (width,))
        if kind == "Add":
            return identity, value
        if kind == "Sub":
            return (identity, -value) if first else (-identity, value)
        if kind == "Mul":
            return identity * value, zeros
        if first:
            return identity / value, zeros
    raise _no_chain(kind)


def _gemm(attributes: Mapping[str, Any], others: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    weight = others[0].T if "transB" in attributes and attributes["transB"].i else others[0]
    alpha = attributes["alpha"].f if "alpha" in attributes else 1.0
    beta = attributes["beta"].f if "beta" in attributes else 1.0
    bias = others[1].reshape(-1) if len(others) > 1 else np.zeros(1)
    return alpha * weight, np.broadcast_to(beta * bias, (weight.shape[1],))


def _no_chain(found: str) -> InputError:
    return InputError(
        f"the network is no chain of dense layers: {found}",
        expected="matrix products, sums and scales with relu, tanh or sigmoid between them",
        fix="export it to another platform, or train an MLP (model: new:mlp)",
    )
