"""Which output of a foreign ONNX graph holds the scores of classes, whether they are probabilities, and their names.

Probabilities are known by what a graph answers: none negative, and their sum is one. Knows no kind of input.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.runtime import Arrays
from modelyard.core.task import Hints
from modelyard.formats import onnx_source, onnx_trial
from modelyard.formats.onnx_rewiring import BATCH, Rewiring

LOGITS = "logits"
USUAL = ("logits", "probabilities", "output_probability", "probs", "scores")
"""Names of the output with the scores, where there are several."""
METADATA = ("labels", "classes", "class_names", "names", "id2label")
"""Keys under which files keep the names of their classes."""
SMALLEST = 1e-30
"""A probability of zero becomes this, so that its logarithm is a number."""
SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Scores:
    """The output that holds scores.

    Attributes:
        name: of the output.
        columns: of what it gives, the rows apart; one where it says yes or no.
        probabilities: whether they are; otherwise logits.
        reason: how that is known.
    """

    name: str
    columns: int
    probabilities: bool
    reason: str

    @property
    def classes(self) -> int:
        return max(2, self.columns)


def find(rewiring: Rewiring, arrays: Arrays, hints: Hints) -> Scores:
    """Ask the graph and see.

    Args:
        arrays: rows for the connected inputs.

    Raises:
        InputError: no output, or no one output, of a classifier; or answers that may be one thing or the other.
    """
    found = {name: values for name, values in _answers(rewiring, arrays).items() if values.dtype.kind == "f"}
    usual = [name for name in USUAL if name in found] or list(found)
    if len(usual) != 1 and not set(USUAL) & set(found):
        raise InputError(
            f"{len(found)} outputs hold numbers for each row: {', '.join(found) or 'none'}",
            expected=f"one output with a score for each class, or one of the names {', '.join(USUAL)}",
            fix="export the model with that output alone",
        )
    name = usual[0]
    values = found[name].reshape(len(found[name]), -1).astype(np.float64)
    if not np.isfinite(values).all():
        raise InputError(f"the output {name!r} is not finite on rows of noise", expected="scores that are numbers")
    if hints.outputs != "auto":
        return Scores(name, values.shape[1], hints.outputs == "probabilities", "as told")
    return _judge(name, values, rewiring.producer(name))


def _answers(rewiring: Rewiring, arrays: Arrays) -> dict[str, np.ndarray]:
    raw = onnx_trial.run(rewiring.raw(), arrays)
    rows = len(next(iter(arrays.values())))
    return {name: raw[inner] for name, inner in rewiring.outputs.items() if inner in raw and _is_rows(raw[inner], rows)}


def _is_rows(values: np.ndarray, rows: int) -> bool:
    """Whether it is one row of scores for each row; axes of one, as a convolution leaves them, do not count."""
    return values.ndim >= 1 and len(values) == rows and sum(size > 1 for size in values.shape[1:]) <= 1


def _judge(name: str, values: np.ndarray, producer: str) -> Scores:
    """Args:
    values: answers of shape (rows, columns).
    producer: the operator that gives them.
    """
    columns = values.shape[1]
    between = bool((values >= 0).all() and (values <= 1 + SUM_TOLERANCE).all())
    if columns == 1 and producer == "Sigmoid":
        return Scores(name, 1, True, "one sigmoid: the probability of the second class")
    if columns > 1 and between and np.allclose(values.sum(axis=1), 1, atol=SUM_TOLERANCE):
        return Scores(name, columns, True, "its answers to rows of noise sum to 1")
    if columns == 1 or (between and producer == "Sigmoid"):
        what = "one number for each row" if columns == 1 else "independent numbers from 0 to 1 that do not sum to 1"
        raise InputError(
            f"the output {name!r} gives {what}",
            expected="logits, or probabilities of classes that exclude each other",
            fix="say outputs: probabilities or outputs: logits, if you know that it is one of them",
        )
    return Scores(name, columns, False, "its answers to rows of noise do not sum to 1")


def finish(rewiring: Rewiring, scores: Scores) -> Any:
    """The graph with the one output ``logits`` (rows, classes), as an ``onnx.ModelProto``.

    Probabilities become their logarithms, whose softmax gives them back.
    """
    from onnx import TensorProto

    value = rewiring.behind("Cast", [rewiring.outputs[scores.name]], to=TensorProto.FLOAT)
    value = rewiring.behind("Reshape", [value, rewiring.constant([-1, scores.columns])])
    if scores.columns == 1:
        one = rewiring.constant([1.0], np.float32)
        first = rewiring.behind("Sub", [one, value]) if scores.probabilities else rewiring.behind("Sub", [value, value])
        value = rewiring.behind("Concat", [first, value], axis=1)
    if scores.probabilities:
        value = rewiring.behind("Max", [value, rewiring.constant([SMALLEST], np.float32)])
        value = rewiring.behind("Log", [value])
    return rewiring.model(LOGITS, value, [BATCH, scores.classes])


def own_names(graph: Any) -> tuple[str, ...]:
    """Names of the classes that a file says itself: in its metadata, or in an operator of a classical model."""
    for entry in graph.metadata_props:
        if entry.key in METADATA and (names := _read_names(entry.value)):
            return names
    constants = {item.name: item for item in graph.graph.initializer}
    for node in reversed(list(onnx_source.nodes(graph.graph))):
        for attribute in node.attribute:
            if attribute.name in ("classlabels_strings", "classlabels_int64s", "classlabels_ints"):
                names = tuple(item.decode() for item in attribute.strings) or tuple(map(str, attribute.ints))
                if names:
                    return names
        if node.op_type == "ArrayFeatureExtractor" and node.input[0] in constants:
            return _read_tensor(constants[node.input[0]])
    return ()


def _read_tensor(tensor: Any) -> tuple[str, ...]:
    from onnx import numpy_helper

    values = numpy_helper.to_array(tensor).reshape(-1).tolist()
    return tuple(item.decode() if isinstance(item, bytes) else str(item) for item in values)


def _read_names(text: str) -> tuple[str, ...]:
    """A list, or a mapping from number to name, as JSON or as Python writes it."""
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list):
            return tuple(map(str, found))
        if isinstance(found, Mapping) and all(str(key).isdecimal() for key in found):
            return tuple(str(found[key]) for key in sorted(found, key=lambda key: int(str(key))))
    return ()


def choose_names(count: int, hints: Hints, own: Sequence[str], data: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Names of the classes in the order of the outputs, and where they were taken from.

    What the user says comes first, then the file, then the data's classes in their order, then numbers.

    Args:
        count: of the outputs.
        own: names that the file says.
        data: the classes of the data, or nothing.

    Raises:
        InputError: another number of names, or names that are not the data's.
    """
    if hints.labels:
        return _agreed(tuple(hints.labels), count, data, "labels"), "as told"
    if len(own) == count and not (_are_numbers(own) and data and set(own) != set(data)):
        return _agreed(tuple(own), count, data, "the model"), "the file's own"
    if data:
        return _agreed(tuple(data), count, data, "the data"), "those of the data, in their order, which is assumed"
    return tuple(map(str, range(count))), "numbers, because the file names none"


def _agreed(names: tuple[str, ...], count: int, data: Sequence[str], whose: str) -> tuple[str, ...]:
    if len(names) != count or len(set(names)) != count:
        raise InputError(
            f"the model has {count} classes, {whose} {'has' if whose != 'the data' else 'have'} {len(set(names))}: "
            + ", ".join(names[:10]),
            expected=f"{count} different names",
            fix="give data with the classes of the model, or say labels: in the order of the model's outputs",
        )
    if data and set(names) != set(data):
        raise InputError(
            f"the classes of the data are {', '.join(list(data)[:10])}; those of the model {', '.join(names[:10])}",
            expected="the same classes",
            fix="say labels: in the order of the model's outputs, with the data's names",
        )
    return names


def _are_numbers(names: Sequence[str]) -> bool:
    """Whether these are no names but places: 0, 1, … or LABEL_0, LABEL_1, …"""
    return all(name in (str(place), f"LABEL_{place}") for place, name in enumerate(names))
