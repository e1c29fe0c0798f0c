"""``model.onnx`` as a file: judged before a runtime opens it.

Knows where the data of a tensor may lie. Knows no runtime.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.model import Model

MODEL_FILE = "model.onnx"


def check(model: Model) -> Path:
    """The model's ``model.onnx``; a tensor may name a file for its data, and only files of this model are opened.

    Raises:
        InputError: the file is missing or no ONNX model, or a tensor lies outside the model.
    """
    path = model.path / MODEL_FILE
    if not path.is_file():
        raise InputError(f"the model has no {MODEL_FILE}", expected="a model of the runtime onnxruntime")
    if not _contains(path, b"location"):
        # The key under which a tensor names its file. Parsing would take the memory of the model a second time.
        return path
    for location in locations(read(path, external_data=False)):
        if location not in model.files:
            raise InputError(
                f"a tensor of {MODEL_FILE} has its data in another file: {location!r}",
                expected="tensors inside the file, or in files that belong to the model",
                fix="export the model again with external_data=False",
            )
    return path


def read(path: Path, *, external_data: bool) -> Any:
    """The file as an ``onnx.ModelProto``.

    Args:
        external_data: read the files that tensors name, too; only after :func:`check`.

    Raises:
        InputError: it is no ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        return onnx.load(path, load_external_data=external_data)
    except DecodeError as error:
        raise InputError(f"{path.name} is no ONNX model") from error


def parse(data: bytes, name: str) -> Any:
    """The same of bytes; no other file is read.

    Raises:
        InputError: they are no ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_from_string(data)
    except DecodeError as error:
        raise InputError(f"{name} is no ONNX model") from error


def _contains(path: Path, word: bytes) -> bool:
    tail = b""
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            if word in tail + block:
                return True
            tail = block[-len(word) :]
    return False


def locations(graph: Any) -> set[str]:
    """Files that the tensors of a model name for their data."""
    return {entry.value for tensor in tensors(graph) for entry in tensor.external_data if entry.key == "location"}


def tensors(message: Any) -> list[Any]:
    """Every tensor anywhere in a protobuf message: graphs, their branches, functions, attributes."""
    return messages(message, "TensorProto")


def messages(message: Any, kind: str) -> list[Any]:
    """Every message of a kind in a message, itself included; what lies in another of its kind is found too."""
    found = [message] if message.DESCRIPTOR.name == kind else []
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            for item in value if field.is_repeated else [value]:
                found += messages(item, kind)
    return found
