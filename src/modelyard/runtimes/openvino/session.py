"""A session over an OpenVINO model: checked before it is loaded, arrays in and arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.runtimes.openvino import intermediate

COMPUTE_TYPES = {"fp32": "f32", "bf16": "bf16", "fp16": "f16"}
"""The model's setting ``compute`` → OpenVINO's name. What is not said is computed in float32."""


def import_openvino() -> Any:
    """The package, or an error that says how to get it."""
    try:
        import openvino
    except ImportError:
        raise MissingExtraError("openvino", "openvino") from None
    return openvino


class OpenVinoSession:
    """An opened model; arrays of another type than the graph's are converted."""

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        openvino = import_openvino()
        intermediate.check(model)
        core = openvino.Core()
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
            # Left alone, it computes in bfloat16 where the chip can, and quantizes activations of int8 weights:
            # the answers would depend on the machine.
            "EXECUTION_MODE_HINT": "ACCURACY",
            "INFERENCE_PRECISION_HINT": COMPUTE_TYPES[str(model.settings.get("compute", "fp32"))],
        }
        name = _device(device, core.available_devices)
        if name == "CPU":
            # Threads bound to cores stand in the way of whatever else runs there.
            options |= {"ENABLE_CPU_PINNING": False, "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0}
            options |= {"INFERENCE_NUM_THREADS": threads} if threads else {}
        try:
            graph = core.read_model(
                model.path / intermediate.GRAPH_FILE, weights=model.path / intermediate.WEIGHTS_FILE
            )
            self._compiled = core.compile_model(graph, name, options)
            self._types = {item.get_any_name(): item.get_element_type().to_dtype() for item in self._compiled.inputs}
            self._outputs = tuple(item.get_any_name() for item in self._compiled.outputs)
        except RuntimeError as error:
            raise InputError(
                f"OpenVINO cannot load {intermediate.GRAPH_FILE}: {_reason(error)}".replace(str(model.path), ""),
                expected="a valid network with named inputs and outputs, whose operators this version knows",
            ) from error
        self._request = self._compiled.create_infer_request()

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._types)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._outputs

    def run(self, arrays: Arrays) -> Arrays:
        feeds = {name: np.ascontiguousarray(array, dtype=self._types[name]) for name, array in arrays.items()}
        # Inputs are read where they lie; outputs are copied, since the request writes over its own at the next call.
        found = self._request.infer(feeds, share_inputs=True, share_outputs=False)
        return {name: found[index] for index, name in enumerate(self._outputs)}

    def close(self) -> None:
        self._request = self._compiled = None


def _device(device: str, available: list[str]) -> str:
    """OpenVINO's name of a device."""
    known = {"auto": "CPU", **{name.lower(): name for name in available}}
    if device not in known:
        raise InputError(
            f"the device {device!r} is not there",
            expected=f"one that OpenVINO offers here: {', '.join(sorted(known))}",
            fix="use device cpu, or install the driver of the device",
        )
    return known[device]


def _reason(error: RuntimeError) -> str:
    """The line of OpenVINO's message that says something: the first ones name source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (telling or lines or ["no reason given"])[0]
