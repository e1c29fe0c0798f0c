"""Half-precision storage: large weights as float16, widened to float32 when the model is loaded."""

from __future__ import annotations

from typing import Any

import numpy as np

SMALLEST = 1024
"""Numbers of a tensor that is worth a cast; smaller ones (norms, masks, scalars) stay as they are."""


def store(graph: Any) -> Any:
    """The given ``onnx.ModelProto`` with its large float32 weights in float16, each followed by a cast.

    The ONNX Runtime does the casts once, when it loads the file: speed and memory are those of float32, the file
    is half as large. A weight beyond the range of float16 (65,504) stays in float32.
    """
    from onnx import TensorProto, helper, numpy_helper

    body, casts = graph.graph, []
    for tensor in body.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < SMALLEST:
            continue
        values = numpy_helper.to_array(tensor)
        if np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}_widen", to=TensorProto.FLOAT))
    nodes = [*casts, *body.node]
    del body.node[:]
    body.node.extend(nodes)
    return graph
