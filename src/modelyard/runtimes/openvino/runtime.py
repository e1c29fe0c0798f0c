"""Opens OpenVINO models, and builds them from models that torch or the ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats.files import copy_companions
from modelyard.runtimes.openvino import intermediate
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
        precision: Literal["fp32", "fp16"] = "fp32",
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Convert the network of ``model`` by way of ONNX, and copy its other files.

        Args:
            model: a model on the runtime torch, or one with a ``model.onnx``.
            out: an empty folder.
            precision: how weights are stored; they are computed with in float32 either way.

        Returns:
            ``precision`` and ``compute``.

        Raises:
            MissingExtraError: OpenVINO is not installed.
            InputError: the model has no network that can be converted.
        """
        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        graph = convert(model)
        intermediate.write(graph, out, halve=precision == "fp16")
        copy_companions(model, out)
        return {"precision": precision, "compute": "fp32"}


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
    for port, value in zip(graph.outputs, source.graph.output, strict=True):
        port.get_tensor().set_names({value.name})
    return graph
