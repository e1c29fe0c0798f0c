"""Converts a SavedModel to ONNX; run as a script by the Python of another environment.

TensorFlow wants other versions than modelyard does, so this file imports nothing of modelyard. What TensorFlow loads it
may also run, so the graph is read as data first, and refused for operators that reach outside.
Arguments: the folder, the file to write, and the opset.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NoReturn

REFUSED = 3
STATEFUL = {
    *("VarHandleOp", "ReadVariableOp", "AssignVariableOp", "VarIsInitializedOp", "DisableCopyOnRead"),
    *("VariableV2", "Variable", "Assign", "IsVariableInitialized", "Placeholder", "PlaceholderWithDefault"),
    *("StatefulPartitionedCall", "If", "While", "Assert", "NoOp"),
    *("RandomUniform", "RandomStandardNormal", "TruncatedNormal", "TensorListReserve"),
}
"""Operators with state that only hold weights, call functions of the same file, or draw numbers."""
FILES = {"RestoreV2", "SaveV2", "MergeV2Checkpoints", "ShardedFilename"}
"""They bring back and keep weights; nothing that answers may depend on them."""
FORBIDDEN = ("File", "PyFunc", "Dataset", "Socket", "Rpc", "Xla", "CustomCall")
"""Parts of names of operators that reach outside, or run what cannot be seen."""


def refuse(reason: str) -> NoReturn:
    sys.stderr.write(reason + "\n")
    sys.exit(REFUSED)


def judge(graph: Any) -> None:
    """Refuse a graph that could do more than compute."""
    from tensorflow.python.framework import op_def_registry

    functions = {item.signature.name: item for item in graph.graph_def.library.function}
    nodes = [*graph.graph_def.node, *(node for item in functions.values() for node in item.node_def)]
    for name in sorted({node.op for node in nodes} - FILES - functions.keys()):
        known = op_def_registry.get(name)
        if known is None:
            refuse(f"it needs operators of its own: {name}")
        if any(part in name for part in FORBIDDEN) or (known.is_stateful and name not in STATEFUL):
            refuse(f"the operator {name} may reach outside the model")
    found = FILES & set(operators(answering(graph), functions, set()))
    if found:
        refuse(f"its answers depend on files, by {sorted(found)[0]}")


def answering(graph: Any) -> list[Any]:
    """Nodes that the outputs of the signatures depend on."""
    by_name = {node.name: node for node in graph.graph_def.node}
    waiting = [output.name for item in graph.signature_def.values() for output in item.outputs.values()]
    seen: dict[str, Any] = {}
    while waiting:
        name = waiting.pop().lstrip("^").split(":")[0]
        if name in by_name and name not in seen:
            seen[name] = by_name[name]
            waiting += by_name[name].input
    return list(seen.values())


def operators(nodes: Iterable[Any], functions: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """Names of all operators of nodes and of the functions that they call.

    Args:
        seen: functions that need not be looked into again.
    """
    for node in nodes:
        yield node.op
        called = [node.op, *(value.func.name for value in node.attr.values())]
        called += [item.name for value in node.attr.values() for item in value.list.func]
        for name in called:
            if name in functions and name not in seen:
                seen.add(name)
                yield from operators(functions[name].node_def, functions, seen)


def choose_signature(graph: Any) -> str:
    names = [name for name, item in graph.signature_def.items() if item.inputs and item.outputs]
    if "serving_default" in names:
        return "serving_default"
    if len(names) != 1:
        refuse(f"{len(names)} signatures, none of them serving_default: {', '.join(sorted(names)) or 'none'}")
    return str(names[0])


def main(folder: str, target: str, opset: str) -> None:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    try:
        saved.ParseFromString((Path(folder) / "saved_model.pb").read_bytes())
    except DecodeError:
        refuse("saved_model.pb is no SavedModel")
    if len(saved.meta_graphs) != 1:
        refuse(f"saved_model.pb holds {len(saved.meta_graphs)} graphs, not one")
    (graph,) = saved.meta_graphs
    judge(graph)
    from tf2onnx import convert

    sys.argv = ["tf2onnx", "--saved-model", folder, "--output", target, "--opset", opset]
    sys.argv += ["--tag", ",".join(graph.meta_info_def.tags), "--signature_def", choose_signature(graph)]
    convert.main()


if __name__ == "__main__":
    os.environ |= {"CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0"}
    main(*sys.argv[1:])
