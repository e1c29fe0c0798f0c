"""Opens ONNX models, and builds them from models that torch runs or that are ONNX already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats.files import copy_companions
from modelyard.formats.onnx_file import MODEL_FILE
from modelyard.methods.weight_blocks import BLOCK
from modelyard.runtimes.onnxruntime.session import OnnxSession


class OnnxRuntime:
    """Runs ``model.onnx``; a model here cannot be trained, and one in int8 cannot be converted again."""

    name = "onnxruntime"
    abilities = frozenset({"graph", "forks", "threads"})

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> OnnxSession:
        """Load the graph.

        Args:
            device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` for a CUDA device where there is one.

        Raises:
            InputError: the device is not there, the file is no ONNX model, or it refers to data
                outside the model.
        """
        return OnnxSession(model, device, threads)

    def memory_bytes(self, model: Model) -> int:
        """The file as it is read, and half of it again for weights that are laid out anew for the processor.

        Measured over the library itself, SmolLM2-135M: 1.5 times the file in float32, 2.3 times in blocks of int8.
        """
        return model.size_bytes * 3 // 2

    def build(
        self,
        model: Model,
        out: Path,
        *,
        precision: Literal["fp32", "fp16", "int8"] = "fp32",
        blocks: bool = False,
        weight_bits: Literal[4, 8] | None = None,
        int8_activations: bool = False,
        per_channel: bool = True,
        reduce_range: bool = False,
        calibration: Sequence[Arrays] | None = None,
        method: Literal["minmax", "entropy", "percentile"] = "minmax",
        network: Any = None,
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Export the network of ``model`` and copy its other files.

        Args:
            model: a model on the runtime torch, or one with a ``model.onnx`` in float32.
            out: an empty folder.
            precision: ``fp16`` stores the weights in half the size and computes in float32; ``int8`` stores them as
                int8 and quantizes activations as they come.
            blocks: a scale for every 32 weights, and activations quantized alike; the two options below do
                not matter then.
            weight_bits: weights of so many bits in blocks, in place of ``precision``.
            int8_activations: round activations too, where ``weight_bits`` are given.
            per_channel: one scale for each output channel of a weight, not one for the whole.
            reduce_range: 7-bit weights, for CPUs whose 16-bit sums of u8·s8 products overflow.
            calibration: rows that fix the ranges of activations for int8; without them each call has its own.
            method: how a range follows from what was seen in calibration.
            network: a torch network of the model whose graph is in int8 already; the other options say how it came.

        Returns:
            ``precision``, ``opset`` and, for int8, the options that took effect.

        Raises:
            InputError: the model has no network in float32 that can be exported.
        """
        # Here and not above: they load onnx and torch, which a server does not need.
        from modelyard.formats import onnx_graph, onnx_source
        from modelyard.runtimes.onnxruntime import (
            block_weights,
            dynamic_weights,
            half_weights,
            static_weights,
            weight_only,
        )

        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        graph = onnx_graph.graph_of(model) if network is None else onnx_graph.export(model, network)
        settings: dict[str, Any] = {"precision": precision, "opset": onnx_source.opset(graph)}
        if network is not None:
            settings |= {"per_channel": per_channel, "reduce_range": reduce_range}
        elif weight_bits is not None:
            graph = weight_only.quantize(graph, bits=weight_bits, int8_activations=int8_activations)
            settings |= {"precision": f"int{weight_bits} weights", "blocks": BLOCK}
            settings |= {"int8_activations": int8_activations}
        elif precision == "fp16":
            graph = half_weights.store(graph)
        elif precision == "int8" and blocks:
            graph = block_weights.quantize(graph)
            settings |= {"blocks": BLOCK}
        elif precision == "int8" and calibration is not None:
            graph = static_weights.quantize(
                graph, calibration, method=method, per_channel=per_channel, reduce_range=reduce_range
            )
            settings |= {"per_channel": per_channel, "reduce_range": reduce_range}
            settings |= {"calibration": {"rows": len(calibration), "method": method}}
        elif precision == "int8":
            graph = dynamic_weights.quantize(graph, per_channel=per_channel, reduce_range=reduce_range)
            settings |= {"per_channel": per_channel, "reduce_range": reduce_range}
        onnx_graph.write(graph, out / MODEL_FILE)
        copy_companions(model, out)
        return settings
