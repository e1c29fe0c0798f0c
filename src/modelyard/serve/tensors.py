"""Rows from tensors and tensors from predictions, as JSON or in the binary extension.

The Open Inference Protocol's tensors; answers need BYTES, FP64 and INT64 of them:
https://github.com/kserve/open-inference-protocol and Triton's binary tensor data extension, where an
element of BYTES is a little-endian uint32 length and that many bytes. Knows no model and no HTTP.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import RefusalError

Kind = Literal["text", "file", "number", "category"]
"""What an input tensor holds. A file's binary elements are handed on as bytes, and not as text."""

_NUMBERS = {
    "BOOL": "?",
    **{f"UINT{bits}": f"u{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": f"i{bits // 8}" for bits in (8, 16, 32, 64)},
    **{f"FP{bits}": f"f{bits // 8}" for bits in (16, 32, 64)},
}
"""Datatype → numpy's name of it, little-endian."""
_DATATYPES: Mapping[Kind, Sequence[str]] = {
    "text": ["BYTES"],
    "file": ["BYTES"],
    "number": [*_NUMBERS],
    "category": ["BYTES", *(name for name in _NUMBERS if not name.startswith("FP"))],
}


def read_document(value: Any) -> dict[str, Any]:
    """A request, if it is an object whose parameters are one too.

    Raises:
        RefusalError: 422.
    """
    if not isinstance(value, dict) or not isinstance(value.get("parameters") or {}, dict):
        raise RefusalError(422, "the request is not an object with 'inputs'", expected="an inference request")
    return value


def read_rows(inputs: object, binary: bytes, kinds: Mapping[str, Kind], limits: Limits) -> list[Row]:
    """One row for each element of the input tensors.

    Args:
        inputs: the request's ``inputs``: shape [n] or [n, 1] each; BYTES, or a datatype of numbers where the kind
            allows it.
        binary: what follows the JSON part: the data of those inputs that carry ``binary_data_size``.
        kinds: the tensors that there must be, by name.

    Raises:
        RefusalError: 422, nothing having been allocated for what a shape claims; 400 for invalid UTF-8.
    """
    if not isinstance(inputs, list) or any(not isinstance(item, dict) for item in inputs):
        raise RefusalError(422, "'inputs' is not a list of tensors", expected=f"tensors named {', '.join(kinds)}")
    names = [item.get("name") for item in inputs]
    if sorted(map(repr, names)) != sorted(map(repr, kinds)):
        raise RefusalError(422, f"input tensors {names!r:.200}", expected=f"exactly: {', '.join(kinds)}")
    columns: dict[str, list[Any]] = {}
    for item in inputs:
        kind = kinds[item["name"]]
        numbers = _check_datatype(item, kind)
        count = _read_count(item, limits)
        size = _parameters(item).get("binary_data_size")
        if size is None:
            columns[item["name"]] = _read_listed(item, count, numbers=numbers, gaps=kind in ("number", "category"))
        else:
            data, binary = _split(binary, size)
            columns[item["name"]] = _from_bytes(item, data, count, decode=kind != "file")
    if binary:
        raise RefusalError(422, f"{len(binary)} bytes belong to no input", expected="binary_data_size of every input")
    if len({len(column) for column in columns.values()}) != 1:
        raise RefusalError(422, "the input tensors differ in length", expected="one element a row in each")
    # In the order of the model, not of the request.
    return [dict(zip(kinds, values, strict=True)) for values in zip(*[columns[name] for name in kinds], strict=True)]


def _check_datatype(item: Mapping[str, Any], kind: Kind) -> bool:
    """Whether the tensor holds numbers."""
    datatype = item.get("datatype")
    if datatype not in _DATATYPES[kind]:
        raise RefusalError(422, f"{item['name']}: datatype {datatype!r:.80}", expected=" or ".join(_DATATYPES[kind]))
    return bool(datatype != "BYTES")


def _read_count(item: Mapping[str, Any], limits: Limits) -> int:
    shape = item.get("shape")
    if not isinstance(shape, list) or len(shape) not in (1, 2) or any(type(size) is not int for size in shape):
        raise RefusalError(422, f"{item['name']}: shape {shape!r:.80}", expected="[n] or [n, 1]")
    count, *rest = shape
    if rest not in ([], [1]) or not 1 <= count <= limits.request_rows:
        raise RefusalError(
            422, f"{item['name']}: shape {shape!r:.80}", expected=f"[n], n from 1 to {limits.request_rows}"
        )
    return int(count)


def _read_listed(item: Mapping[str, Any], count: int, *, numbers: bool, gaps: bool) -> list[Any]:
    data = item.get("data")
    if isinstance(data, list):
        data = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in data]
    # A gap in a column of a table is null, as a number that is not finite is in an answer.
    types = ((int, float) if numbers else (str,)) + ((type(None),) if gaps else ())
    if not isinstance(data, list) or len(data) != count or not all(isinstance(value, types) for value in data):
        what = "numbers" if numbers else "strings"
        raise RefusalError(422, f"{item['name']}: 'data' does not fit its shape", expected=f"{count} {what}")
    return data


def _from_bytes(item: Mapping[str, Any], data: bytes, count: int, *, decode: bool) -> list[Any]:
    if item["datatype"] == "BYTES":
        elements = _read_binary(data, count)
        return _decode(elements) if decode else elements
    kind = np.dtype(_NUMBERS[item["datatype"]]).newbyteorder("<")
    if len(data) != count * kind.itemsize:
        raise RefusalError(422, f"{item['name']}: {len(data)} bytes", expected=f"{count * kind.itemsize}")
    values: list[Any] = np.frombuffer(data, kind).tolist()
    return [None if isinstance(value, float) and math.isnan(value) else value for value in values]


def _split(binary: bytes, size: object) -> tuple[bytes, bytes]:
    if type(size) is not int or not 0 <= size <= len(binary):
        raise RefusalError(422, f"binary_data_size {size!r:.40}", expected=f"0 to the {len(binary)} bytes that follow")
    return binary[:size], binary[size:]


def _read_binary(data: bytes, count: int) -> list[bytes]:
    elements: list[bytes] = []
    start = 0
    while start < len(data):
        if start + 4 > len(data):
            raise RefusalError(422, "a BYTES element ends within its length")
        (size,) = struct.unpack_from("<I", data, start)
        start += 4
        if start + size > len(data):
            raise RefusalError(422, f"a BYTES element claims {size} bytes, {len(data) - start} are left")
        elements.append(data[start : start + size])
        start += size
    if len(elements) != count:
        raise RefusalError(422, f"{len(elements)} BYTES elements", expected=f"{count}, as the shape says")
    return elements


def _decode(elements: Sequence[bytes]) -> list[str]:
    texts: list[str] = []
    for element in elements:
        try:
            texts.append(element.decode("utf-8"))
        except UnicodeDecodeError:
            raise RefusalError(400, f"BYTES element {len(texts)} is not valid UTF-8") from None
    return texts


@dataclass(frozen=True)
class Tensor:
    """A named column of predictions.

    Attributes:
        datatype: BYTES, FP64 or INT64.
        values: flat, in row-major order: texts or numbers.
    """

    name: str
    datatype: Literal["BYTES", "FP64", "INT64"]
    shape: Sequence[int]
    values: Sequence[Any]

    def to_json(self) -> dict[str, Any]:
        """With its data; a number that is not finite is null once orjson writes it."""
        return {"name": self.name, "datatype": self.datatype, "shape": self.shape, "data": self.values}

    def to_binary(self) -> tuple[dict[str, Any], bytes]:
        """The JSON part, and the bytes that follow it."""
        if self.datatype == "BYTES":
            encoded = [text.encode() for text in self.values]
            data = b"".join(struct.pack("<I", len(text)) + text for text in encoded)
        else:
            data = np.array(self.values, dtype=np.dtype(_NUMBERS[self.datatype]).newbyteorder("<")).tobytes()
        head = {"name": self.name, "datatype": self.datatype, "shape": self.shape}
        return {**head, "parameters": {"binary_data_size": len(data)}}, data


def to_tensors(predictions: Sequence[Prediction]) -> dict[str, Tensor]:
    """One tensor a key: text → BYTES [n], numbers → FP64 or INT64 [n], several by name or in a list → FP64 [n, k].

    A list of texts (a conformal set) is BYTES [n] too, each element a list in JSON. Other keys are left out.
    """
    tensors, rows = {}, len(predictions)
    for name, first in predictions[0].items():
        values = [prediction[name] for prediction in predictions]
        if isinstance(first, str):
            tensors[name] = Tensor(name, "BYTES", [rows], values)
        elif isinstance(first, int | float):
            tensors[name] = Tensor(name, "INT64" if type(first) is int else "FP64", [rows], values)
        elif isinstance(first, list) and all(isinstance(text, str) for text in first):
            texts = [json.dumps(value, ensure_ascii=False) for value in values]
            tensors[name] = Tensor(name, "BYTES", [rows], texts)
        elif isinstance(first, list) and all(isinstance(number, float) for number in first):
            tensors[name] = Tensor(name, "FP64", [rows, len(first)], [number for value in values for number in value])
        elif isinstance(first, Mapping):
            numbers = [number for value in values for number in value.values()]
            tensors[name] = Tensor(name, "FP64", [rows, len(first)], numbers)
    return tensors


def write_outputs(
    tensors: Mapping[str, Tensor], wanted: object, *, binary_by_default: bool
) -> tuple[list[dict[str, Any]], bytes]:
    """The response's ``outputs``, and the binary data that follow the JSON part.

    Args:
        wanted: the request's ``outputs``; None for all.
    """
    if wanted is None and not binary_by_default:
        return [tensor.to_json() for tensor in tensors.values()], b""
    if wanted is None:
        wanted = [{"name": name} for name in tensors]
    if not isinstance(wanted, list) or any(not isinstance(item, dict) for item in wanted):
        raise RefusalError(422, "'outputs' is not a list of tensors")
    outputs, binary = [], []
    for item in wanted:
        # A list: a name may be any JSON value, and not each of them can be hashed.
        if item.get("name") not in list(tensors):
            raise RefusalError(422, f"no output {item.get('name')!r:.80}", expected=f"one of: {', '.join(tensors)}")
        parameters = _parameters(item)
        unknown = sorted(set(parameters) - {"binary_data"})
        if unknown:
            raise RefusalError(422, f"output parameter {unknown[0]!r:.80}", expected="binary_data")
        if parameters.get("binary_data", binary_by_default) is True:
            head, data = tensors[item["name"]].to_binary()
            outputs.append(head)
            binary.append(data)
        else:
            outputs.append(tensors[item["name"]].to_json())
    return outputs, b"".join(binary)


def _parameters(item: Mapping[str, Any]) -> Mapping[str, Any]:
    parameters = item.get("parameters") or {}
    if not isinstance(parameters, dict):
        raise RefusalError(422, "'parameters' is not an object")
    return parameters
