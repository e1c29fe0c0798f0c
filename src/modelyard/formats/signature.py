"""What a file for one row at a time takes and gives, for formats that do not name their inputs themselves.

Phones and small devices answer one row at a time, and their formats plan memory for it. A session over such a file
cuts a batch into rows. Knows no format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays

SETTING = "signature"
"""Key of the model's settings that holds it."""
BATCH = "batch"


@dataclass(frozen=True)
class Signature:
    """Inputs in their order with their numpy types, and the names of the outputs in theirs.

    Attributes:
        limits: input → axis → the longest that it may be; an axis that is not named has one length only.
    """

    inputs: Mapping[str, str]
    outputs: tuple[str, ...]
    limits: Mapping[str, Mapping[int, int]]

    def to_settings(self) -> dict[str, Any]:
        limits = {name: {str(axis): most for axis, most in axes.items()} for name, axes in self.limits.items()}
        # A list of pairs keeps the order, which canonical JSON does not do for keys.
        return {SETTING: {"inputs": [list(item) for item in self.inputs.items()], "outputs": list(self.outputs)}} | (
            {"limits": limits} if any(limits.values()) else {}
        )

    def run(self, arrays: Arrays, call: Callable[[Sequence[np.ndarray]], Sequence[np.ndarray]]) -> Arrays:
        """Call ``call`` with the inputs of each row, in order, and put its outputs together.

        Args:
            arrays: by name, each with its rows along the first axis.
            call: takes arrays with one row and gives the outputs of that row.
        """
        ready = [np.ascontiguousarray(arrays[name], dtype=kind) for name, kind in self.inputs.items()]
        rows = [call([array[row : row + 1] for array in ready]) for row in range(len(ready[0]))]
        return {name: np.concatenate([row[place] for row in rows]) for place, name in enumerate(self.outputs)}


def of_task(model: Model) -> Signature:
    """What the network behind a model takes and gives, one row at a time.

    Raises:
        InputError: an axis other than the rows may grow without a limit.
    """
    arrays, axes = lookup.task(model.task).export_example(model)
    inputs = {name: str(array.dtype) for name, array in arrays.items()}
    limits = {
        name: {axis: _limit(model, axis_name) for axis, axis_name in axes.get(name, {}).items() if axis_name != BATCH}
        for name in arrays
    }
    return Signature(inputs, tuple(name for name in axes if name not in arrays), limits)


def of_model(model: Model) -> Signature:
    """The signature that was kept with an exported model.

    Raises:
        InputError: there is none.
    """
    found = model.settings.get(SETTING)
    if not found:
        raise InputError("the model keeps no signature of its inputs", expected="a model that export wrote")
    return Signature(dict(found["inputs"]), tuple(found["outputs"]), {})


def _limit(model: Model, axis: str) -> int:
    if axis != "sequence" or "max_length" not in model.settings:
        raise InputError(
            f"the axis {axis!r} of a {model.task} network may grow without a limit",
            expected="axes with a largest length: this format plans its memory when it is built",
            fix="export it to onnxruntime or openvino",
        )
    return int(model.settings["max_length"])
