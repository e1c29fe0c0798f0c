"""Moves a model to the ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="graph", runtime="onnxruntime", converts=True, shrinks="form")
def onnxruntime(model: Model, *, out: Path, precision: Literal["fp32", "fp16"] = "fp32") -> Model:
    """Export to ONNX, for the ONNX Runtime.

    The answers stay as they are, rounding aside, and the serving process needs no torch. Batches and lengths may
    vary as before.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        precision: how weights are stored; fp16 halves the file. They are computed with in fp32 either way.
    """
    settings = lookup.runtime("onnxruntime").build(model, out, precision=precision)
    return model.rewrite(out, parents=[model], runtime="onnxruntime", settings=settings)
