"""Opens OpenVINO models, and builds them from models that torch or the ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats.files import copy_companions
from modelyard.runtimes.openvino import attention, intermediate, static_weights, weight_only
from modelyard.runtimes.openvino.session import OpenVinoSession, import_openvino


class OpenVino:
    """Runs ``model.xml`` with ``model.bin``; a model here can be neither trained nor converted again."""

    name = "openvino"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> OpenVinoSession:
        """Judge the files and load them.

        Args:
            device: ``cpu``, ``auto`` (the CPU too), or another that OpenVINO finds, such as ``gpu``.

        Raises:
            MissingExtraError: OpenVINO is not installed.
            InputError: the device is not there, or the files are no network that may be opened.
        """
        return OpenVinoSession(model, device, threads)

    def build(
        self,
        model: Model,
        out: Path,
        *,
        precision: Literal["fp32", "fp16", "int8"] = "fp32",
        compute: Literal["fp32", "bf16", "fp16"] = "fp32",
        calibration: Sequence[Arrays] = (),
        method: Literal["minmax", "percentile"] = "minmax",
        per_channel: bool = True,
        reduce_range: bool = False,
        weight_bits: Literal[4, 8] | None = None,
        int8_activations: bool = False,
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Convert the network of ``model`` by way of ONNX, and copy its other files.

        Args:
            model: a model on the runtime torch, or one with a ``model.onnx``.
            out: an empty folder.
            precision: how weights are stored; ``int8`` quantizes activations too.
            compute: what is not in int8 is computed in this precision, on chips that can; float32 on others.
            calibration: rows that fix the ranges of activations for int8.
            method: how a range follows from what was seen in calibration.
            per_channel: one scale for each output channel of a weight.
            reduce_range: 7-bit weights, for CPUs whose 16-bit sums of u8·s8 products overflow.
            weight_bits: weights of so many bits, in place of ``precision``.
            int8_activations: round activations too, in blocks and as they come, where ``weight_bits`` are given.

        Returns:
            ``precision``, ``compute`` and, for int8, the options that took effect.

        Raises:
            MissingExtraError: OpenVINO is not installed.
            InputError: the model has no network that can be converted.
        """
        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        graph = convert(model)
        settings: dict[str, Any] = {"precision": precision, "compute": compute}
        if precision == "int8":
            graph = static_weights.quantize(
                graph, calibration, method=method, per_channel=per_channel, reduce_range=reduce_range
            )
            settings |= {"per_channel": per_channel, "reduce_range": reduce_range}
            settings |= {"calibration": {"rows": len(calibration), "method": method}}
        if weight_bits is not None:
            weight_only.compress(graph, weight_bits)
            settings |= {"precision": f"int{weight_bits} weights", "int8_activations": int8_activations}
        intermediate.write(graph, out, halve=precision == "fp16")
        copy_companions(model, out)
        return settings


def convert(model: Model) -> Any:
    """The network of a model as an ``openvino.Model`` whose inputs and outputs have the names of the ONNX graph."""
    # Here and not above: a server loads neither onnx nor torch.
    from modelyard.formats import onnx_graph

    openvino = import_openvino()
    source = onnx_graph.graph_of(model)
    try:
        # Core's reader, not convert_model, which reports its use over the network.
        graph = openvino.Core().read_model(onnx_graph.to_bytes(source))
    except RuntimeError as error:
        raise InputError(
            f"OpenVINO cannot convert the network: {str(error).strip().splitlines()[-1].strip()}",
            expected="operators that OpenVINO knows",
            fix="keep it on another runtime, such as onnxruntime",
        ) from error
    for operator in graph.get_ordered_ops():
        # An operator that does nothing is left out when the model is opened, and its name would pass to the output.
        if operator.get_type_name() != "Parameter":
            for output in operator.outputs():
                output.get_tensor().set_names(set())
    for port, value in zip(graph.outputs, source.graph.output, strict=True):
        port.get_tensor().set_names({value.name})
    attention.fuse(graph)
    return graph
