"""What every task does to take over a foreign ONNX graph, once its inputs are connected.

Knows no kind of input: the task connects its own arrays and says what it assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import ASSUMED, Model
from modelyard.core.runtime import Arrays
from modelyard.core.source import Source
from modelyard.core.task import Hints
from modelyard.formats import onnx_classes, onnx_file, onnx_graph, onnx_source, onnx_trial
from modelyard.formats.onnx_rewiring import Rewiring

RUNTIME = "onnxruntime"
INT8_TOLERANCE = 0.1
"""How far answers of eight bits may move with their neighbours, relative to the largest."""


def write_classifier(
    graph: Any, rewiring: Rewiring, arrays: Arrays, out: Path, *, hints: Hints, own: Sequence[str], data: Dataset | None
) -> tuple[tuple[str, ...], list[str]]:
    """Write ``model.onnx`` with the output ``logits``.

    Args:
        graph: as it was read; names that it holds of its classes come before ``own``.
        rewiring: of the same, with its inputs connected.
        arrays: three rows or more for these inputs.

    Returns:
        Names of the classes in the order of the outputs, and what was assumed.
    """
    scores = onnx_classes.find(rewiring, arrays, hints)
    classes = data.labels if data else ()
    names, origin = onnx_classes.choose_names(scores.classes, hints, own or onnx_classes.own_names(graph), classes)
    kind = "probabilities" if scores.probabilities else "logits"
    _write(onnx_classes.finish(rewiring, scores), arrays, out)
    return names, [f"the output {scores.name!r} holds {kind}: {scores.reason}", f"names of the classes: {origin}"]


def write_regressor(rewiring: Rewiring, arrays: Arrays, out: Path) -> list[str]:
    """Write ``model.onnx`` with the output ``value`` (rows, 1); returns what was assumed.

    Raises:
        InputError: not one number for each row.
    """
    from onnx import TensorProto

    rows = len(next(iter(arrays.values())))
    raw = onnx_trial.run(rewiring.raw(), arrays)
    found = [name for name, inner in rewiring.outputs.items() if inner in raw and raw[inner].size == rows]
    if len(found) != 1:
        raise InputError(
            f"{len(found)} outputs with one number for each row; the outputs are {', '.join(rewiring.outputs)}",
            expected="one output with one number for each row",
        )
    value = rewiring.behind("Cast", [rewiring.outputs[found[0]]], to=TensorProto.FLOAT)
    value = rewiring.behind("Reshape", [value, rewiring.constant([-1, 1])])
    _write(rewiring.model("value", value, ["batch", 1]), arrays, out)
    return [f"the output {found[0]!r} holds the value in the unit of the targets"]


def seal(
    source: Source,
    out: Path,
    graph: Any,
    *,
    task: str,
    labels: Iterable[str],
    settings: Mapping[str, Any],
    assumed: Sequence[str],
) -> Model:
    """Seal a folder whose ``model.onnx`` was written."""
    return Model.write(
        out,
        task=task,
        runtime=RUNTIME,
        base=source.reference,
        parents=[],
        labels=labels,
        settings={
            "precision": _precision(graph),
            "opset": onnx_source.opset(graph),
            **settings,
            ASSUMED: list(assumed),
        },
    )


@contextmanager
def naming(source: Source) -> Iterator[None]:
    """Put the reference before what an InputError says."""
    try:
        yield
    except InputError as error:
        error.where = error.where or source.reference
        raise


def _write(graph: Any, arrays: Arrays, out: Path) -> None:
    tolerance = INT8_TOLERANCE if _precision(graph) == "int8" else onnx_trial.TOLERANCE
    onnx_trial.check_rows(graph, arrays, tolerance=tolerance)
    onnx_graph.write(graph, out / onnx_file.MODEL_FILE)


def _precision(graph: Any) -> str:
    """``int8`` where integers are multiplied, ``fp16`` where weights are halves."""
    from onnx import TensorProto

    if any("Quantize" in node.op_type or "Integer" in node.op_type for node in onnx_source.nodes(graph.graph)):
        return "int8"
    halves = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
    return "fp16" if any(item.data_type in halves for item in graph.graph.initializer) else "fp32"
