"""Opens ONNX models, and builds them from models that torch runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats.files import copy_companions
from modelyard.runtimes.onnxruntime.session import MODEL_FILE, OnnxSession


class OnnxRuntime:
    """Runs ``model.onnx``; a model here can be neither trained nor converted again."""

    name = "onnxruntime"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> OnnxSession:
        """Load the graph.

        Args:
            device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` for a CUDA device where there is one.

        Raises:
            InputError: the device is not there, the file is no ONNX model, or it refers to data
                outside the model.
        """
        return OnnxSession(model, device, threads)

    def build(
        self,
        model: Model,
        out: Path,
        *,
        precision: Literal["fp32", "int8"] = "fp32",
        blocks: bool = False,
        per_channel: bool = True,
        reduce_range: bool = False,
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Export the network of ``model`` and copy its other files.

        Args:
            model: a model on the runtime torch.
            out: an empty folder.
            precision: ``int8`` stores the weights as int8 and quantizes activations as they come.
            blocks: a scale for every 32 weights, and activations quantized alike; the two options below do
                not matter then.
            per_channel: one scale for each output channel of a weight, not one for the whole.
            reduce_range: 7-bit weights, for CPUs whose 16-bit sums of u8·s8 products overflow.

        Returns:
            ``precision``, ``opset`` and, for int8, the options that took effect.

        Raises:
            InputError: the model is on another runtime than torch.
        """
        # Here and not above: they load onnx and torch, which a server does not need.
        from modelyard.formats import onnx_graph
        from modelyard.runtimes.onnxruntime import block_weights, dynamic_weights

        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        if model.runtime != "torch":
            raise InputError(
                f"a model on the runtime {model.runtime} cannot be exported to ONNX",
                expected="a model on the runtime torch",
                fix="convert the model as it was before its first conversion",
            )
        graph = onnx_graph.export(model)
        settings: dict[str, Any] = {"precision": precision, "opset": onnx_graph.OPSET}
        if precision == "int8" and blocks:
            graph = block_weights.quantize(graph)
            settings |= {"blocks": block_weights.BLOCK}
        elif precision == "int8":
            graph = dynamic_weights.quantize(graph, per_channel=per_channel, reduce_range=reduce_range)
            settings |= {"per_channel": per_channel, "reduce_range": reduce_range}
        onnx_graph.write(graph, out / MODEL_FILE)
        copy_companions(model, out)
        return settings
