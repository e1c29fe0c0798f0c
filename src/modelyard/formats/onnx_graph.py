"""Turns the network of a task into an ONNX graph, the same bytes every time.

Knows networks by their named arrays only. A graph above protobuf's limit of 2 GB is refused.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.task import EMBEDDING, EMBEDDING_OUTPUT, EmbeddingTask
from modelyard.formats import onnx_file
from modelyard.formats.positional import positional

OPSET = 20


def graph_of(model: Model) -> Any:
    """The network of a model as an ``onnx.ModelProto``: the one that it holds, or its task's network exported.

    Raises:
        InputError: it is quantized, or on a runtime that holds no such network.
    """
    if model.settings.get("precision") == "int8":
        raise InputError(
            "a model in int8 cannot be exported or quantized again",
            expected="a model in float32",
            fix="convert the model as it was before it was quantized",
        )
    if onnx_file.MODEL_FILE in model.files:
        return onnx_file.read(onnx_file.check(model), external_data=True)
    if "conversion" not in lookup.runtime(model.runtime).abilities:
        raise InputError(
            f"a model on the runtime {model.runtime} cannot be exported to ONNX",
            expected="a model on the runtime torch, or one that holds an ONNX graph",
            fix="convert the model as it was before its first conversion",
        )
    return export(model)


def export(model: Model, network: Any = None) -> Any:
    """The network behind a model as an ``onnx.ModelProto``, in float32 unless the network rounds for itself.

    It is traced with the task's example; the axes that the task names may vary.

    Args:
        network: stands in for the task's own network.
    """
    import torch

    task = lookup.task(model.task)
    arrays, axes = task.export_example(model)
    inputs = tuple(arrays)
    outputs = tuple(name for name in axes if name not in arrays)
    network = network or task.network(model)
    if EMBEDDING in task.abilities and cast(EmbeddingTask, task).add_embedding(model, network):
        outputs = (*outputs, EMBEDDING_OUTPUT)
    with _quiet():
        program = torch.onnx.export(
            positional(network, inputs, outputs),
            ([torch.from_numpy(array) for array in arrays.values()],),
            dynamo=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=([dict(axes.get(name, {})) for name in inputs],),
            external_data=False,
            verbose=False,
        )
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    return program.model_proto


def write(graph: Any, path: Path) -> None:
    """Write an ``onnx.ModelProto`` as one file, without paths and versions of this machine.

    Raises:
        InputError: it is larger than protobuf allows.
    """
    path.write_bytes(to_bytes(graph))


def to_bytes(graph: Any) -> bytes:
    """What :func:`write` writes."""
    from google.protobuf.message import EncodeError  # type: ignore[import-untyped]

    try:
        data: bytes = _without_traces(graph).SerializeToString(deterministic=True)
        return data
    except (EncodeError, ValueError) as error:
        raise InputError(
            "the network is larger than the 2 GB that one ONNX file may have", expected="a smaller model"
        ) from error


def _without_traces(graph: Any) -> Any:
    """Take out what tells where each node came from."""
    graph.doc_string = ""
    graph.producer_name, graph.producer_version = "modelyard", ""
    del graph.metadata_props[:]
    for item in (graph.graph, *graph.graph.node, *graph.graph.value_info, *graph.functions):
        item.doc_string = ""
        del item.metadata_props[:]
    for function in graph.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]
    return graph


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of operators of packages that are not installed and of its own future."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
