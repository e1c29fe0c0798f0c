"""``quantize half``: weights in half the size, and half-precision arithmetic where the chip has it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.step import step
from modelyard.engines import instructions


@step(needs="graph", converts=True)
def half(
    model: Model,
    *,
    out: Path,
    runtime: Literal["onnxruntime", "openvino"] = "openvino",
    compute: Literal["auto", "fp32", "bf16"] = "auto",
) -> Model:
    """Store weights in float16, and compute in bfloat16 where the chip is faster in it.

    The file is half as large and the answers hardly move. On chips whose instructions for bfloat16 (AVX512-BF16, AMX)
    are faster than those for float32, which is measured, OpenVINO computes in it, and scores move in their third digit;
    the ONNX Runtime has no such arithmetic on x86.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        runtime: where the result runs.
        compute: precision of the arithmetic; auto takes bf16 on openvino where the CPU that builds is faster in it. A
            CPU without such instructions computes in fp32 whatever is said.
    """
    if runtime != "openvino" and compute == "bf16":
        raise InputError("compute: 'bf16' on onnxruntime", expected="fp32 there", fix="use runtime openvino")
    if compute == "auto":
        compute = "bf16" if runtime == "openvino" and instructions.bf16_pays() else "fp32"
    options = {"compute": compute} if runtime == "openvino" else {}
    settings = lookup.runtime(runtime).build(model, out, precision="fp16", **options)
    settings = {**settings, "built_on": instructions.record()}
    return model.rewrite(out, parents=[model], runtime=runtime, settings=settings)
