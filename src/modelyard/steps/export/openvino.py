"""Moves a model to OpenVINO."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="graph", runtime="openvino", converts=True, shrinks="form")
def openvino(model: Model, *, out: Path, precision: Literal["fp32", "fp16"] = "fp32") -> Model:
    """Export to OpenVINO, for CPUs of Intel and AMD.

    The answers stay as they are, rounding aside, and the serving process needs no torch. OpenVINO left alone
    computes in bfloat16 on chips that can; here it computes in fp32 everywhere, unless ``quantize half`` says
    otherwise. Attention of a language model becomes one operator, and OpenVINO keeps its keys and values.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        precision: how weights are stored; fp16 halves the file. They are computed with in fp32 either way.
    """
    settings = lookup.runtime("openvino").build(model, out, precision=precision)
    return model.rewrite(out, parents=[model], runtime="openvino", settings=settings)
