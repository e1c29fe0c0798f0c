"""The TensorRT runtime, through ONNX Runtime's provider: NVIDIA GPUs only.

The model is ``model.onnx`` with the settings that TensorRT builds its engine from when it is opened: precision and the
range of every shape. An engine fits one GPU and one version, so it is not kept. Knows no task by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats import onnx_file, signature
from modelyard.formats.files import copy_companions

PROVIDER = "TensorrtExecutionProvider"


class TensorRTSession:
    """An engine built for this GPU."""

    def __init__(self, model: Model, device: str) -> None:
        import onnxruntime

        path = onnx_file.check(model)
        self._signature = signature.of_model(model)
        options = provider_options(model, device)
        offered = onnxruntime.get_available_providers()
        if PROVIDER not in offered:
            raise InputError(
                "TensorRT is not there: this ONNX Runtime offers " + ", ".join(offered),
                expected="an NVIDIA GPU with its driver, onnxruntime-gpu and the TensorRT libraries",
                fix="pip install onnxruntime-gpu tensorrt on a machine with a GPU, or export to onnxruntime",
            )
        self._session = onnxruntime.InferenceSession(path, providers=[(PROVIDER, options)])
        if self._session.get_providers()[0] != PROVIDER:
            # It falls back to the CPU without a word where a library is missing.
            raise InputError(f"TensorRT could not use the device {device!r}", fix="look at the driver and libraries")

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._signature.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._signature.outputs

    def run(self, arrays: Arrays) -> Arrays:
        feeds = {name: np.ascontiguousarray(arrays[name], dtype=kind) for name, kind in self._signature.inputs.items()}
        return dict(zip(self.output_names, self._session.run(list(self.output_names), feeds), strict=True))

    def close(self) -> None:
        self._session = None


class TensorRT:
    """Runs ``model.onnx`` on an NVIDIA GPU; the graph can be converted on."""

    name = "tensorrt"
    abilities = frozenset({"graph"})

    def open(self, model: Model, *, device: str = "cuda", threads: int | None = None) -> TensorRTSession:
        """Build the engine (seconds to minutes).

        Args:
            device: ``cuda`` or ``cuda:N``; ``cpu``, which callers say by default, means the first GPU.
            threads: is not used.

        Raises:
            InputError: no GPU, no TensorRT, or no ONNX model; the error says what is missing.
        """
        return TensorRTSession(model, device)

    def build(
        self,
        model: Model,
        out: Path,
        *,
        precision: Literal["fp32", "fp16"] = "fp16",
        max_batch: int = 32,
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Export the network of ``model`` to ONNX and note what the engine is to be built with.

        Args:
            model: a model on the runtime torch, or one with a ``model.onnx`` in float32.
            out: an empty folder.
            precision: what the engine computes in; the file stays in float32.
            max_batch: most rows of one call.

        Returns:
            ``precision``, the range of every input's shape and the signature.

        Raises:
            InputError: the model has no network in float32, or an axis has no limit.
        """
        # Here and not above: it loads onnx and torch.
        from modelyard.formats import onnx_graph

        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        names = signature.of_task(model)
        onnx_graph.write(onnx_graph.graph_of(model), out / onnx_file.MODEL_FILE)
        copy_companions(model, out)
        return {"precision": precision, "shapes": _shapes(model, names, max_batch), **names.to_settings()}


def provider_options(model: Model, device: str) -> dict[str, str]:
    """Options of ONNX Runtime's TensorRT provider.

    Raises:
        InputError: unknown device, or a model without the settings.
    """
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "auto", "cuda") or (index and not index.isdecimal()):
        raise InputError(f"unknown device {device!r}", expected="cuda or cuda:N")
    shapes = model.settings.get("shapes")
    if not shapes:
        raise InputError("the model keeps no range of its shapes", expected="a model that export tensorrt wrote")
    ranges = {
        f"trt_profile_{word}_shapes": ",".join(f"{name}:{'x'.join(map(str, sizes[word]))}" for name, sizes in shapes)
        for word in ("min", "opt", "max")
    }
    half = "True" if model.settings.get("precision") == "fp16" else "False"
    return {"device_id": index or "0", "trt_fp16_enable": half, **ranges}


def _shapes(model: Model, names: signature.Signature, max_batch: int) -> list[tuple[str, dict[str, list[int]]]]:
    """The smallest, usual and largest shape of every input."""
    arrays, _ = lookup.task(model.task).export_example(model)
    found = []
    for name in names.inputs:
        low, usual, high = (list(arrays[name].shape) for _ in range(3))
        low[0], usual[0], high[0] = 1, min(8, max_batch), max_batch
        for axis, most in names.limits.get(name, {}).items():
            low[axis], usual[axis], high[axis] = 1, min(64, most), most
        found.append((name, {"min": low, "opt": usual, "max": high}))
    return found


RUNTIME = TensorRT()
