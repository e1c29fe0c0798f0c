"""Opens FPGA models as C simulations, and builds them from networks that are chains of dense layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats import signature
from modelyard.formats.files import copy_companions
from modelyard.runtimes.hls4ml.simulation import Hls4mlSession

PART = "xcvu13p-flga2577-2-e"


class Hls4ml:
    """Runs the C simulation; a model here can be neither trained nor converted again."""

    name = "hls4ml"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> Hls4mlSession:
        """Compile the project's C++ (some ten seconds) and load it.

        Only C++ that ``export hls4ml`` wrote comes here: ``load model`` takes over no such project.

        Args:
            device: ``cpu`` or ``auto``.
            threads: is not used: the simulation runs on one.

        Raises:
            InputError: another device, no compiler, or no such project.
        """
        if device not in ("cpu", "auto"):
            raise InputError(
                f"the device {device!r} is not there", expected="cpu: here only the C simulation of the circuit runs"
            )
        return Hls4mlSession(model)

    def build(
        self,
        model: Model,
        out: Path,
        *,
        precision: str = "ap_fixed<16,6>",
        reuse_factor: int = 1,
        part: str = PART,
        clock_ns: float = 5.0,
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Write the C++ project of ``model`` and copy its other files.

        Args:
            model: a model whose ONNX graph is a chain of dense layers.
            out: an empty folder.
            precision: ``ap_fixed<BITS,INTEGER>``, the type of every number in the circuit.
            reuse_factor: multiplications that one multiplier of the circuit does, one after the other.
            part: name of the FPGA.
            clock_ns: period of its clock.

        Returns:
            The options, the number of outputs and the signature.

        Raises:
            InputError: the network is no chain of dense layers.
        """
        # Here and not above: they load onnx, torch and hls4ml.
        from modelyard.formats import dense_chain, onnx_graph
        from modelyard.runtimes.hls4ml import project

        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        chain = dense_chain.read(onnx_graph.graph_of(model))
        options: dict[str, Any] = {"precision": precision, "reuse_factor": reuse_factor}
        options |= {"part": part, "clock_ns": clock_ns}
        project.write(chain, out / project.FOLDER, **options)
        copy_companions(model, out)
        return {**options, "outputs": len(chain[-1].bias), **signature.of_task(model).to_settings()}
