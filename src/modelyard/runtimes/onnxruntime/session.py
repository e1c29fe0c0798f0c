"""A session over ``model.onnx``: checked before it is loaded, arrays in and arrays out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core import memory
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats import onnx_file
from modelyard.formats.onnx_file import MODEL_FILE

_NUMPY_TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
    "tensor(bool)": np.bool_,
}

_SLOWER = ["SkipLayerNormFusion"]
"""Optimizers that a processor is better off without: an addition and a normalization take a sixth of the time of what
is made of both (version 1.32, 100 rows of 384 numbers), a fifth of all that MiniLM in int8 takes."""


class OnnxSession:
    """An opened ONNX model; arrays of another type than the graph's are converted."""

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        releases = memory.stated_arena() == "release"
        self._session = _load(onnx_file.check(model), device, threads, releases=releases)
        self._how = _releasing(self._session) if releases else None
        self._types = {item.name: _NUMPY_TYPES[item.type] for item in self._session.get_inputs()}
        self._outputs = tuple(item.name for item in self._session.get_outputs())

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._types)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._outputs

    def run(self, arrays: Arrays) -> Arrays:
        feeds: Arrays = {name: np.ascontiguousarray(array, dtype=self._types[name]) for name, array in arrays.items()}
        return dict(zip(self._outputs, self._session.run(None, feeds, self._how), strict=True))

    def close(self) -> None:
        self._session = None


def _load(path: Path, device: str, threads: int | None, *, releases: bool) -> Any:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as failures

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # Threads that spin between two calls take the cores from everything else in the process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # The pattern keeps one block for all arrays of a call, by shapes that it has seen.
    options.enable_mem_pattern = not releases
    provider = _provider(device, onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(
            path,
            options,
            providers=[provider],
            enable_fallback=0,
            disabled_optimizers=_SLOWER if provider[0] == "CPUExecutionProvider" else None,
        )
    except (
        failures.Fail,
        failures.InvalidArgument,
        failures.InvalidGraph,
        failures.InvalidProtobuf,
        failures.NoSuchFile,
        failures.NotImplemented,
        failures.RuntimeException,
    ) as error:
        raise InputError(
            f"ONNX Runtime cannot load {MODEL_FILE}: {str(error).splitlines()[0]}".replace(str(path), MODEL_FILE),
            expected="a valid ONNX model whose operators this version of ONNX Runtime knows",
        ) from error
    if session.get_providers()[0] != provider[0]:
        # It falls back to the CPU without a word where the device's libraries are missing.
        raise InputError(
            f"ONNX Runtime could not use the device {device!r}", fix="use device cpu, or install the CUDA libraries"
        )
    return session


def _releasing(session: Any) -> Any:
    """Options of a call that gives its memory back to the system."""
    import onnxruntime

    how = onnxruntime.RunOptions()
    device = "gpu:0" if session.get_providers()[0] == "CUDAExecutionProvider" else "cpu:0"
    how.add_run_config_entry("memory.enable_memory_arena_shrinkage", device)
    return how


def _provider(device: str, available: list[str]) -> tuple[str, dict[str, str]]:
    """Execution provider and its options for a device."""
    kind, _, index = device.partition(":")
    has_cuda = "CUDAExecutionProvider" in available
    if kind == "cpu" or (device == "auto" and not has_cuda):
        return "CPUExecutionProvider", {}
    if device != "auto" and (kind != "cuda" or (index and not index.isdecimal())):
        raise InputError(f"unknown device {device!r}", expected="cpu, cuda, cuda:N or auto")
    if not has_cuda:
        raise InputError(
            f"the device {device!r} is not there",
            expected=f"one that this ONNX Runtime offers: {', '.join(available)}",
            fix="use device cpu, or install onnxruntime-gpu in place of onnxruntime",
        )
    return "CUDAExecutionProvider", {"device_id": index or "0"}
