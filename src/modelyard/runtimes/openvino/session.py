"""A session over an OpenVINO model: checked before it is loaded, arrays in and arrays out."""

from __future__ import annotations

from typing import Any

import numpy as np

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.methods.weight_blocks import BLOCK
from modelyard.runtimes.openvino import intermediate
from modelyard.runtimes.openvino.paged_cache import PagedCache, can_be_paged, paged

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
        name = _device(device, core.available_devices)
        options = _options(model, name, threads)
        self._core, self._device, self._options = core, name, options
        self._request: Any = None
        self._paged: Any = None
        try:
            self._graph = core.read_model(
                model.path / intermediate.GRAPH_FILE, weights=model.path / intermediate.WEIGHTS_FILE
            )
            self._types = {item.get_any_name(): item.get_element_type().to_dtype() for item in self._graph.inputs}
            self._outputs = tuple(item.get_any_name() for item in self._graph.outputs)
            if name != "CPU" or not can_be_paged(self._graph):
                self._open_request()
        except RuntimeError as error:
            raise InputError(
                f"OpenVINO cannot load {intermediate.GRAPH_FILE}: {_reason(error)}".replace(str(model.path), ""),
                expected="a valid network with named inputs and outputs, whose operators this version knows",
            ) from error

    def _open_request(self) -> None:
        self._request = self._core.compile_model(self._graph, self._device, self._options).create_infer_request()

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._types)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._outputs

    def run(self, arrays: Arrays) -> Arrays:
        if self._request is None:
            # A language model is laid out for the processor as it is asked: with a cache, or like this.
            self._open_request()
        feeds = {name: np.ascontiguousarray(array, dtype=self._types[name]) for name, array in arrays.items()}
        # Inputs are read where they lie; outputs are copied, since the request writes over its own at the next call.
        found = self._request.infer(feeds, share_inputs=True, share_outputs=False)
        return {name: found[index] for index, name in enumerate(self._outputs)}

    def open_cache(self, slots: int, tokens: int) -> PagedCache | None:
        if self._device != "CPU" or not can_be_paged(self._graph):
            return None
        if self._paged is None:
            self._paged = self._core.compile_model(paged(self._graph), self._device, self._options)
        return PagedCache(self._paged, slots, tokens)

    def close(self) -> None:
        self._request = self._paged = self._graph = None


def _options(model: Model, device: str, threads: int | None) -> dict[str, Any]:
    """What OpenVINO is told. Left alone, it computes in bfloat16 where the chip can, and quantizes activations of int8
    weights and the keys and values of a cache: the answers would depend on the machine.
    """
    compute = COMPUTE_TYPES[str(model.settings.get("compute", "fp32"))]
    rounded = bool(model.settings.get("int8_activations"))
    options: dict[str, Any] = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        # In the other mode it allows nothing less than float32, whatever else is said.
        "EXECUTION_MODE_HINT": "PERFORMANCE" if rounded or compute != "f32" else "ACCURACY",
        "INFERENCE_PRECISION_HINT": compute,
    }
    if device == "CPU":
        # Threads bound to cores stand in the way of whatever else runs there.
        options |= {"ENABLE_CPU_PINNING": False, "KV_CACHE_PRECISION": compute}
        options |= {"DYNAMIC_QUANTIZATION_GROUP_SIZE": BLOCK if rounded else 0}
        options |= {"INFERENCE_NUM_THREADS": threads} if threads else {}
    return options


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
