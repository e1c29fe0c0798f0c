"""ONNX graphs: where their tensors lie, and operators that need foreign native code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from modelyard.core.errors import InputError
from modelyard.formats import onnx_file
from modelyard.formats.audit.finding import Blob, Finding, Severity

_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"}) | {
    "com.microsoft",
    "com.microsoft.nchwc",
    "com.ms.internal.nhwc",
}
"""Domains of operators that the ONNX Runtime has itself."""


def inspect(blob: Blob, lies_beside: Callable[[str], bool]) -> Iterator[Finding]:
    """Judge a graph.

    Args:
        blob: a file that is called ``.onnx``.
        lies_beside: whether a plain file of that name lies in the same folder.
    """
    try:
        with blob.open() as stream:
            graph = onnx_file.parse(stream.read(), blob.base)
    except InputError as error:
        yield blob.finding(Severity.HIGH, error.what, expected="an ONNX model", fix="fetch it again, or export it anew")
        return
    yield from _external_data(blob, onnx_file.locations(graph), lies_beside)
    own = {(function.domain, function.name) for function in graph.functions}
    nodes = onnx_file.messages(graph, "NodeProto")
    custom = sorted(
        {
            f"{node.domain}.{node.op_type}"
            for node in nodes
            if node.domain not in _DOMAINS and (node.domain, node.op_type) not in own
        }
    )
    if custom:
        yield blob.finding(
            Severity.HIGH,
            f"custom operators, which need a library of native code: {', '.join(custom[:5]):.200}",
            expected="operators of ONNX, or functions inside the file",
            fix="export the network anew without them; never register a library that came with a model",
        )


def _external_data(blob: Blob, locations: set[str], lies_beside: Callable[[str], bool]) -> Iterator[Finding]:
    for location in sorted(locations):
        place = PurePosixPath(location.replace("\\", "/"))
        outside = place.is_absolute() or ".." in place.parts or ":" in location
        if outside or not lies_beside(location):
            what = "outside its folder" if outside else "in a file that is missing, or a link"
            yield blob.finding(
                Severity.CRITICAL if outside else Severity.MEDIUM,
                f"a tensor has its data {what}: {location!r:.120}",
                expected="tensors inside the file, or in files beside it",
                fix="do not load it; export the model again with external_data=False",
            )
