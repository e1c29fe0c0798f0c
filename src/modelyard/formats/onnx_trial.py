"""Runs an ONNX graph that is not a model yet, to see what it answers.

Knows no meaning of the answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.runtime import Arrays
from modelyard.formats import onnx_graph

ROWS = 3
"""That are asked together and one by one."""
TOLERANCE = 1e-3
"""How far an answer may move with its neighbours, relative to the largest; eight bits may move more."""


def run(graph: Any, arrays: Arrays) -> dict[str, np.ndarray]:
    """Outputs of an ``onnx.ModelProto`` by name, those that are arrays.

    Raises:
        InputError: ONNX Runtime cannot run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            onnx_graph.to_bytes(graph), options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
        names = [item.name for item in session.get_outputs()]
        found = session.run(names, {item.name: arrays[item.name] for item in session.get_inputs()})
    except InputError:
        raise
    except Exception as error:
        # Its errors have no common ancestor but this.
        raise InputError(
            f"ONNX Runtime cannot run the graph: {str(error).splitlines()[0][:300]}",
            expected="a model that ONNX Runtime runs",
        ) from None
    return {name: array for name, array in zip(names, found, strict=True) if isinstance(array, np.ndarray)}


def check_rows(graph: Any, arrays: Arrays, *, tolerance: float = TOLERANCE) -> None:
    """Hold a graph with one output to the same answer for a row, alone and in company.

    Args:
        arrays: three rows or more.

    Raises:
        InputError: the answers differ, or it takes only so many rows at once.
    """
    together = _answers(graph, {name: array[:ROWS] for name, array in arrays.items()})
    for row in range(min(ROWS, len(together))):
        alone = _answers(graph, {name: array[row : row + 1] for name, array in arrays.items()})
        scale = max(1.0, float(np.abs(together).max()))
        if alone.shape != (1, *together.shape[1:]) or not np.allclose(alone[0], together[row], atol=tolerance * scale):
            raise InputError(
                "the answer to a row depends on the rows beside it, or differs from call to call",
                expected="a network in evaluation mode with a free number of rows",
                fix="export it again, in evaluation mode and with a varying batch axis",
            )


def _answers(graph: Any, arrays: Arrays) -> np.ndarray:
    try:
        (found,) = run(graph, arrays).values()
    except InputError as error:
        count = len(next(iter(arrays.values())))
        raise InputError(
            f"it does not take {count} rows at once: {error.what}",
            expected="a free number of rows",
            fix="export it again with a varying batch axis",
        ) from None
    return found
