"""Moves a model to TensorRT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.options import Between
from modelyard.core.step import step


@step(needs="graph", runtime="tensorrt", converts=True)
def tensorrt(
    model: Model,
    *,
    out: Path,
    precision: Literal["fp32", "fp16"] = "fp16",
    max_batch: Annotated[int, Between(1, 4096)] = 32,
) -> Model:
    """Export to ONNX with the settings for TensorRT, for NVIDIA GPUs.

    The engine is built when the model is opened on a machine with a GPU, since it fits one GPU and one version of
    TensorRT only. Where there is none, opening it is an error that says what is missing; the file itself can be
    checked anywhere by ``export onnxruntime`` from it, which runs the same graph.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        precision: what the engine computes in.
        max_batch: most rows of one call; the engine is built for one up to so many.
    """
    settings = lookup.runtime("tensorrt").build(model, out, precision=precision, max_batch=max_batch)
    return model.rewrite(out, parents=[model], runtime="tensorrt", settings=settings)
