"""Moves a small network to an FPGA."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step


@step(needs="graph", runtime="hls4ml", converts=True)
def hls4ml(
    model: Model,
    *,
    out: Path,
    bits: Annotated[int, Between(4, 32)] = 16,
    integer_bits: Annotated[int, Between(1, 32)] = 6,
    reuse_factor: Annotated[int, Between(1, 1024)] = 1,
    part: str = "xcvu13p-flga2577-2-e",
    clock_ns: Annotated[float, Between(1, 100)] = 5.0,
) -> Model:
    """Export a small network to C++ for an FPGA, in fixed-point numbers.

    It takes chains of dense layers with relu, tanh or sigmoid between them, such as new:mlp. The C++ is compiled for
    this processor too (the C simulation, which needs g++), so that the rounding that the circuit does is in the
    comparison with the source. Features must fit the integer bits: the tabular tasks scale them. Synthesis needs the
    vendor's tools: run ``vivado_hls -f build_prj.tcl`` in the model's folder ``hls``.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        bits: of every number in the circuit.
        integer_bits: how many of them stand before the point, sign included.
        reuse_factor: multiplications that one multiplier does in turn: a smaller and slower circuit.
        part: name of the FPGA.
        clock_ns: period of its clock in nanoseconds.
    """
    settings = lookup.runtime("hls4ml").build(
        model,
        out,
        precision=f"ap_fixed<{bits},{min(integer_bits, bits)}>",
        reuse_factor=reuse_factor,
        part=part,
        clock_ns=clock_ns,
    )
    return model.rewrite(out, parents=[model], runtime="hls4ml", settings=settings)
