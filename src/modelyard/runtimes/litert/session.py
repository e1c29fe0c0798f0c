"""A session over ``model.tflite``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats import signature

MODEL_FILE = "model.tflite"
IDENTIFIER = b"TFL3"
"""At byte 4 of every such file."""


class LiteRTSession:
    """An interpreter that answers row by row. What is shorter than the planned length is filled with zeros."""

    def __init__(self, model: Model, threads: int | None) -> None:
        self._signature = signature.of_model(model)
        self._interpreter = _open(model, threads)
        self._inputs = sorted(self._interpreter.get_input_details(), key=_position)
        self._outputs = sorted(self._interpreter.get_output_details(), key=_position)

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._signature.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._signature.outputs

    def run(self, arrays: Arrays) -> Arrays:
        return self._signature.run(arrays, self._call)

    def _call(self, row: Sequence[np.ndarray]) -> list[np.ndarray]:
        for detail, array in zip(self._inputs, row, strict=True):
            self._interpreter.set_tensor(detail["index"], _fill(array.astype(detail["dtype"]), detail["shape"]))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(detail["index"]) for detail in self._outputs]

    def close(self) -> None:
        self._interpreter = None


def _position(detail: dict[str, Any]) -> int:
    """Inputs are called ``serving_default_args_0:0``, outputs ``StatefulPartitionedCall:0``: numbers in order."""
    digits = [int(part) for part in detail["name"].replace(":", "_").split("_") if part.isdecimal()]
    return digits[-2] if len(digits) > 1 else digits[-1] if digits else 0


def _fill(array: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    lacking = [(0, int(most) - size) for size, most in zip(array.shape, shape, strict=True)]
    if any(after < 0 for _, after in lacking):
        raise InputError(f"a row of the shape {array.shape}", expected=f"{tuple(int(size) for size in shape)} at most")
    return np.pad(array, lacking)


def _open(model: Model, threads: int | None) -> Any:
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise MissingExtraError("ai-edge-litert", "litert") from None
    path = model.path / MODEL_FILE
    if not path.is_file() or path.read_bytes()[4:8] != IDENTIFIER:
        raise InputError(f"the model has no sound {MODEL_FILE}", expected="a model of the runtime litert")
    try:
        interpreter = Interpreter(model_path=str(path), num_threads=threads)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"LiteRT cannot load {MODEL_FILE}", expected="a file whose operators this version knows"
        ) from error
    return interpreter
