"""Requests and answers of inference over gRPC as those over REST with binary tensors, and back.

Both hold the same: names, shapes, parameters and bytes. What is typed in the message becomes bytes of that type;
whether it makes sense is for the reader of the REST form to say. Knows no server and no model.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.serve.grpc_messages import message
from modelyard.serve.refusals import RefusalError

_TYPED = {
    "BOOL": ("bool_contents", "?"),
    **{f"INT{bits}": ("int_contents", f"<i{bits // 8}") for bits in (8, 16, 32)},
    "INT64": ("int64_contents", "<i8"),
    **{f"UINT{bits}": ("uint_contents", f"<u{bits // 8}") for bits in (8, 16, 32)},
    "UINT64": ("uint64_contents", "<u8"),
    "FP32": ("fp32_contents", "<f4"),
    "FP64": ("fp64_contents", "<f8"),
    "BYTES": ("bytes_contents", ""),
}
"""Datatype → where its values stand in a message, and what numpy calls it. FP16 comes as bytes only."""


def to_document(request: Any) -> tuple[dict[str, Any], bytes]:
    """The JSON part of a request, and the bytes that follow it.

    Args:
        request: a ``ModelInferRequest``.

    Raises:
        RefusalError: 400, tensors whose contents are missing, of another type, or given twice.
    """
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise RefusalError(
            400, f"{len(raw)} raw_input_contents", expected=f"one of each of {len(request.inputs)} inputs"
        )
    if raw and any(item.HasField("contents") for item in request.inputs):
        raise RefusalError(400, "both raw_input_contents and contents", expected="one of them, for all inputs")
    data = raw or [_to_bytes(item) for item in request.inputs]
    inputs = [
        {
            "name": item.name,
            "datatype": item.datatype,
            "shape": list(item.shape),
            "parameters": {**_parameters(item.parameters), "binary_data_size": len(content)},
        }
        for item, content in zip(request.inputs, data, strict=True)
    ]
    document: dict[str, Any] = {
        "inputs": inputs,
        "parameters": {**_parameters(request.parameters), "binary_data_output": True},
    }
    if request.id:
        document["id"] = request.id
    if request.outputs:
        document["outputs"] = [
            {"name": item.name, "parameters": _parameters(item.parameters)} for item in request.outputs
        ]
    return document, b"".join(data)


def to_response(document: Mapping[str, Any], binary: bytes, *, raw: bool) -> Any:
    """The ``ModelInferResponse`` of an answer.

    Args:
        binary: the bytes that follow its JSON part.
        raw: whether contents are bytes, as those of the request were.
    """
    response = message("ModelInferResponse")(
        model_name=document["model_name"], model_version=document["model_version"], id=document.get("id", "")
    )
    for name, value in document.get("parameters", {}).items():
        response.parameters[name].string_param = str(value)
    for item in document["outputs"]:
        size = item["parameters"]["binary_data_size"]
        data, binary = binary[:size], binary[size:]
        output = response.outputs.add(name=item["name"], datatype=item["datatype"], shape=item["shape"])
        if raw:
            response.raw_output_contents.append(data)
        else:
            field, dtype = _TYPED[item["datatype"]]
            values = np.frombuffer(data, dtype).tolist() if dtype else _elements(data)
            getattr(output.contents, field).extend(values)
    return response


def _to_bytes(item: Any) -> bytes:
    if item.datatype not in _TYPED:
        raise RefusalError(
            400, f"{item.name}: contents of the datatype {item.datatype!r:.40}", expected=f"one of: {', '.join(_TYPED)}"
        )
    field, dtype = _TYPED[item.datatype]
    filled = [found.name for found, _ in item.contents.ListFields()]
    if filled not in ([], [field]):
        raise RefusalError(
            400, f"{item.name}: contents in {', '.join(filled)}", expected=f"{field}, for {item.datatype}"
        )
    values = getattr(item.contents, field)
    if not dtype:
        return b"".join(struct.pack("<I", len(value)) + value for value in values)
    try:
        return np.array(values, dtype).tobytes()
    except OverflowError:
        raise RefusalError(400, f"{item.name}: a number that is none of {item.datatype}") from None


def _elements(data: bytes) -> Sequence[bytes]:
    found, start = [], 0
    while start < len(data):
        (size,) = struct.unpack_from("<I", data, start)
        found.append(data[start + 4 : start + 4 + size])
        start += 4 + size
    return found


def _parameters(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: getattr(value, value.WhichOneof("parameter_choice") or "string_param") for name, value in given.items()
    }
