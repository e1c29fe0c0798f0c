"""A stranger's ONNX file: found among the files of a source, judged, and read with all its tensors inside.

Knows which operators there are to run, and that a tensor's file lies in the folder. Knows no task and no runtime.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modelyard.core import memory
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats import onnx_file

PLACES = ("model.onnx", "onnx/model.onnx")
"""Where exporters of Hugging Face models write it; any other file must be the only one."""
DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Of operators that ONNX Runtime has itself: the standard's, those of classical models, and its own."""
OLDEST_OPSET = 13
"""Files of an older one are rewritten to it: quantizers need scales along an axis."""
LARGEST = 2**31
"""Bytes of one file with all its tensors: what protobuf allows."""


def find(path: Path) -> Path | None:
    """The ONNX file that a file or folder stands for; None where it holds something else.

    In a folder that also has weights which can be trained, those are taken.

    Raises:
        InputError: several, none of which is ``model.onnx``.
    """
    if path.is_file():
        return path if path.suffix == ".onnx" else None
    if any(path.glob("*.safetensors")) or any(path.glob("*.gguf")):
        return None
    named = [path / place for place in PLACES if (path / place).is_file()]
    if named:
        return named[0]
    others = sorted(path.glob("*.onnx"))
    if len(others) > 1:
        raise InputError(
            f"{len(others)} ONNX files, none of them {onnx_file.MODEL_FILE}: "
            + ", ".join(file.name for file in others[:5]),
            expected="one",
            fix=f"name the file itself, such as {path.name}/{others[0].name}",
        )
    return others[0] if others else None


def read(source: Source) -> Any:
    """The source's file as an ``onnx.ModelProto``: tensors inside, its functions written out, opset 13 or later.

    Raises:
        InputError: no ONNX model, a damaged one, tensors outside its folder, operators or an opset that are not known.
    """
    path = find(source.path)
    if path is None:
        raise InputError("no ONNX file", expected="a file *.onnx, or a folder with one", where=source.reference)
    try:
        _require_memory(path.stat().st_size, source)
        graph = onnx_file.read(path, external_data=False)
        if not graph.ir_version or not graph.opset_import or not graph.graph.node or not graph.graph.output:
            raise InputError(f"{path.name} is no ONNX model", expected="a graph with nodes and outputs")
        _check_names(graph.graph)
        _fetch_tensors(graph, path, source)
        graph = _without_functions(graph)
        _check_operators(graph)
        return _modernize(graph)
    except InputError as error:
        raise InputError(error.what, expected=error.expected, fix=error.fix, where=source.reference) from error


def nodes(graph: Any) -> Iterator[Any]:
    """Every node of a ``GraphProto``, those of branches and loops too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for branch in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from nodes(branch)


def opset(graph: Any) -> int:
    """Version of the standard's operators that an ``onnx.ModelProto`` is written in."""
    return next((item.version for item in graph.opset_import if item.domain in ("", "ai.onnx")), OLDEST_OPSET)


def _check_names(graph: Any) -> None:
    """Names go into messages, and bytes that are no text come as bytes."""
    names = [item.name for part in (graph.input, graph.output, graph.initializer) for item in part]
    for node in nodes(graph):
        names += [node.name, node.op_type, node.domain, *node.input, *node.output]
    if not all(isinstance(name, str) and name.isprintable() for name in names):
        raise InputError("a name in the graph cannot be printed", expected="names in UTF-8 without control characters")


def _fetch_tensors(graph: Any, path: Path, source: Source) -> None:
    """Bring the tensors that lie in other files into the graph."""
    from onnx import TensorProto

    folder = None if source.path.is_file() else source.path
    found = []
    for tensor in onnx_file.tensors(graph):
        if tensor.data_location == TensorProto.EXTERNAL:
            entries = {entry.key: entry.value for entry in tensor.external_data}
            file = _inside(folder, path, entries.get("location", ""))
            found.append((tensor, file, *_extent(entries, file)))
    size = path.stat().st_size + sum(length for *_, length in found)
    if size > LARGEST:
        raise InputError("its tensors are larger than the 2 GB that one ONNX file may have", expected="a smaller model")
    _require_memory(size, source)
    for tensor, file, start, length in found:
        with file.open("rb") as stream:
            stream.seek(start)
            tensor.raw_data = stream.read(length)
        del tensor.external_data[:]
        tensor.data_location = TensorProto.DEFAULT


def _require_memory(size: int, source: Source) -> None:
    """The file as it is read, and half of it again for what a session lays out anew."""
    memory.require(size * 3 // 2, memory.stated_limit(), source.reference, "onnxruntime")


def _inside(folder: Path | None, path: Path, location: str) -> Path:
    """The file of a tensor, which is opened only if it lies in the folder; None for one of a file that came alone."""
    if folder is None:
        raise InputError(
            f"a tensor of {path.name} has its data in another file: {location!r}",
            expected="tensors inside the file, or a folder that holds both files",
            fix="name the folder, or export again with external_data=False",
        )
    file = path.parent / location
    # A hub's cache links from its snapshot to the blobs beside it.
    allowed = [folder.resolve(), *([folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [])]
    plain = location and "\0" not in location and not Path(location).is_absolute() and ".." not in Path(location).parts
    if not plain or not any(file.resolve().is_relative_to(place) for place in allowed):
        raise InputError(
            f"a tensor of {path.name} has its data outside the folder: {location!r:.200}",
            expected="tensors inside the file, or in files of the same folder",
            fix="export the model again with external_data=False",
        )
    if not file.is_file():
        raise InputError(f"the file {location!r:.200} with tensors of {path.name} is missing", fix="bring it along")
    return file


def _extent(entries: dict[str, str], file: Path) -> tuple[int, int]:
    """First byte and number of bytes of a tensor in its file."""
    size = file.stat().st_size
    try:
        start = int(entries.get("offset", 0))
        length = int(entries.get("length", size - start))
    except ValueError:
        start = length = -1
    if start < 0 or length < 0 or start + length > size:
        raise InputError(f"a tensor lies beyond the end of {file.name}", expected="a whole file")
    return start, length


def _without_functions(graph: Any) -> Any:
    """Operators that the file defines itself, written out in those that they are made of."""
    from onnx import inliner

    if not graph.functions:
        return graph
    try:
        return inliner.inline_local_functions(graph)
    except (RuntimeError, ValueError) as error:
        raise InputError("functions of the file cannot be written out", expected="a sound graph") from error


def _check_operators(graph: Any) -> None:
    from onnx import defs

    foreign = sorted({f"{node.domain}:{node.op_type}" for node in nodes(graph.graph) if node.domain not in DOMAINS})
    if foreign:
        raise InputError(
            f"it needs operators of its own: {', '.join(foreign[:5])}",
            expected="operators of ONNX (ai.onnx, ai.onnx.ml) or of ONNX Runtime (com.microsoft); "
            "those of other domains are foreign code",
            fix="export the model with standard operators",
        )
    newest = defs.onnx_opset_version()
    if opset(graph) > newest:
        raise InputError(f"opset {opset(graph)}", expected=f"at most {newest}", fix="export it in an older opset")


def _modernize(graph: Any) -> Any:
    from onnx import version_converter

    found = opset(graph)
    if found >= OLDEST_OPSET:
        return graph
    try:
        return version_converter.convert_version(graph, OLDEST_OPSET)
    except Exception:
        # The converter's errors, RuntimeError and its own ConvertError, share no other ancestor.
        raise InputError(
            f"opset {found} cannot be rewritten to {OLDEST_OPSET}",
            expected=f"a model in opset {OLDEST_OPSET} or later",
            fix="export it again",
        ) from None
