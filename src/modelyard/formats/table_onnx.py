"""Takes over a foreign ONNX graph over the columns of a table, for classes and for numbers.

The graph takes all columns in one input, or a few in each of several. It gets the values as they are: no column is
standardized here. Knows no task by name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.core.source import Source
from modelyard.core.task import Hints
from modelyard.formats import onnx_adoption, onnx_source, table_model
from modelyard.formats.onnx_rewiring import BATCH, Port, Rewiring
from modelyard.formats.table_model import ROLE, Processor, Scale
from modelyard.methods.feature_codes import Column, FeatureCodes

ROWS = 64
"""That the graph is tried on."""


def adopt(source: Source, out: Path, *, task: str, target: str, data: Dataset | None, hints: Hints) -> Model:
    """Write graph and columns to ``out`` and seal the model.

    Args:
        target: the role that is predicted: ``label`` for classes, ``target`` for numbers.
        data: names the columns in their order; without data the inputs must bear their names.

    Raises:
        InputError: files that are refused, or a graph that does not take these columns.
    """
    with onnx_adoption.naming(source):
        graph = onnx_source.read(source)
        rewiring = Rewiring(graph)
        columns, assumed = _columns(rewiring.ports, data)
        codes = FeatureCodes(tuple(column for part in columns for column in part))
        _connect(rewiring, columns, codes.width)
        arrays = _rows(codes, data)
        labels: tuple[str, ...] = ()
        if target == "label":
            labels, found = onnx_adoption.write_classifier(graph, rewiring, arrays, out, hints=hints, own=(), data=data)
        else:
            found = onnx_adoption.write_regressor(rewiring, arrays, out)
    Processor(codes, labels, Scale()).write(out)
    return onnx_adoption.seal(source, out, graph, task=task, labels=labels, settings={}, assumed=[*assumed, *found])


def _columns(ports: Sequence[Port], data: Dataset | None) -> tuple[list[list[Column]], list[str]]:
    """The columns of each input, and what was assumed of them."""
    from onnx import TensorProto

    for port in ports:
        if port.type == TensorProto.UNDEFINED or len(port.shape) not in (1, 2) or port.shape[1:] == (0,):
            raise InputError(
                f"the input {port.name!r} has {len(port.shape)} axes", expected="rows of columns: one axis or two"
            )
    widths = [port.shape[1] if len(port.shape) == 2 else 1 for port in ports]
    if data is None:
        return _named_by_inputs(ports, widths)
    known = list(table_model.fit(data, "label" if "label" in data.roles else "target").codes.columns)
    if widths == [None]:
        widths = [len(known)]
    counts = [width or 0 for width in widths]
    if 0 in counts or sum(counts) != len(known):
        taken = ", ".join(f"{port.name} ({width})" for port, width in zip(ports, widths, strict=True))
        raise InputError(
            f"the model takes {taken}, the data have {len(known)} features: "
            + ", ".join(column.name for column in known[:10]),
            expected="the columns that the model was trained on, in their order",
            fix="name them under columns: features: [...]",
        )
    by_name = {_plain(column.name): column for column in known}
    if len(ports) > 1 and set(by_name) == {_plain(port.name) for port in ports}:
        parts = [[by_name[_plain(port.name)]] for port in ports]
        assumed = "the inputs bear the names of the columns"
    else:
        ends = np.cumsum(counts)
        parts = [known[end - count : end] for count, end in zip(counts, ends, strict=True)]
        assumed = "the columns are those of the data, in their order, which is assumed"
    return [[_as_taken(column, port) for column in part] for part, port in zip(parts, ports, strict=True)], [assumed]


def _named_by_inputs(ports: Sequence[Port], widths: Sequence[int | None]) -> tuple[list[list[Column]], list[str]]:
    from onnx import TensorProto

    if any(width != 1 for width in widths) or any(port.type == TensorProto.STRING for port in ports):
        raise InputError(
            "the file does not name the columns that it takes",
            expected="data with these columns, in the order of the model's inputs",
            fix="give the data too",
        )
    return [[Column(port.name)] for port in ports], ["the columns have the names of the inputs"]


def _as_taken(column: Column, port: Port) -> Column:
    """The column with its values as they are; a category only where the input takes text."""
    from onnx import TensorProto

    is_text = port.type == TensorProto.STRING
    if is_text != (column.categories is not None):
        kinds = ("text", "a number") if is_text else ("a number", "text")
        raise InputError(
            f"the input {port.name!r} takes {kinds[0]}, the column {column.name!r} holds {kinds[1]}",
            expected="columns as the model was trained on, in their order",
            fix="name them in that order under columns: features: [...]",
        )
    return Column(column.name, categories=column.categories)


def _connect(rewiring: Rewiring, columns: Sequence[Sequence[Column]], width: int) -> None:
    from onnx import TensorProto

    rewiring.input(ROLE, TensorProto.FLOAT, [BATCH, width])
    start = 0
    for port, part in zip(rewiring.ports, columns, strict=True):
        end = start + sum(column.width for column in part)
        value = ROLE
        if (start, end) != (0, width):
            axis = rewiring.constant([1])
            value = rewiring.before("Slice", [ROLE, rewiring.constant([start]), rewiring.constant([end]), axis])
        if port.type == TensorProto.STRING:
            value = _to_text(rewiring, value, part)
        elif port.type != TensorProto.FLOAT:
            value = rewiring.before("Cast", [value], to=port.type)
        if len(port.shape) == 1:
            value = rewiring.before("Reshape", [value, rewiring.constant([-1])])
        rewiring.connect(port, value)
        start = end


def _to_text(rewiring: Rewiring, codes: str, part: Sequence[Column]) -> str:
    """Ones in the places of categories as the text of each; text that was not seen in training is empty."""
    found, start = [], 0
    for column in part:
        place, end = rewiring.constant([start]), rewiring.constant([start + column.width])
        ones = rewiring.before("Slice", [codes, place, end, rewiring.constant([1])])
        # A column of nothing but zeros means none of them: the half before them all is then the largest.
        rows = rewiring.before("Slice", [ones, rewiring.constant([0]), rewiring.constant([1]), rewiring.constant([1])])
        zero = rewiring.before("Mul", [rows, rewiring.constant([0.0], np.float32)])
        half = rewiring.before("Add", [zero, rewiring.constant([0.5], np.float32)])
        best = rewiring.before("ArgMax", [rewiring.before("Concat", [half, ones], axis=1)], axis=1, keepdims=1)
        names = rewiring.constant(["", *(column.categories or ())], np.object_)
        found.append(rewiring.before("Gather", [names, best], axis=0))
        start += column.width
    return found[0] if len(found) == 1 else rewiring.before("Concat", found, axis=1)


def _rows(codes: FeatureCodes, data: Dataset | None) -> Arrays:
    """Rows to try the graph on: of the data, or of random numbers."""
    if data is not None and len(found := list(data.rows("train"))[:ROWS]) >= ROWS // 8:
        return {ROLE: codes.encode([row[ROLE] for row in found])}
    return Processor(codes, (), Scale()).synthetic(ROWS)


def _plain(name: str) -> str:
    """As exporters spell the name of a column where it must be a name of a variable."""
    return re.sub(r"\W", "_", name).lower()
