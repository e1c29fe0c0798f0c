"""``quantize dynamic``: int8 weights, activations quantized as they come; needs no data."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step
from modelyard.engines import instructions


@step(needs="graph", runtime="onnxruntime", converts=True, shrinks="bits")
def dynamic(
    model: Model,
    *,
    out: Path,
    blocks: Literal["auto", "yes", "no"] = "auto",
    per_channel: bool = True,
    reduce_range: Literal["auto", "yes", "no"] = "auto",
) -> Model:
    """Export to ONNX with int8 weights.

    Weights (embedding tables too) are stored as int8, a quarter of their size; the input of every matrix product
    is quantized when it comes, with the range that it has. It takes no calibration data and usually costs less than
    half a point of accuracy.

    A language model has a few activations far larger than the others, and one range for all of them ruins it. There
    every 32 weights, and every 32 activations, have a scale of their own (``blocks``). On SmolLM2-135M that raises
    perplexity from 85.4 to 85.8 and writes text 3.4 times as fast as float32, but the likeliest next token changes in
    one place of eighteen, enough to turn some short answers: bound ``agreement`` in the recipe where that matters.

    An x86 CPU without VNNI or AMX adds two products in 16 bits, which overflow where both are near their limits.
    Weights of 7 bits cannot overflow there. ``reduce_range: auto`` asks the CPU that builds; say ``yes`` where the
    model will be served on an older one.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        blocks: a scale for every 32 weights; ``auto`` does so for models that generate.
        per_channel: one scale for each output of a layer, closer to the float weights than one for the whole layer.
        reduce_range: weights of 7 bits in place of 8.
    """
    generates = "generation" in lookup.task(model.task).abilities
    settings = lookup.runtime("onnxruntime").build(
        model,
        out,
        precision="int8",
        blocks=blocks == "yes" or (blocks == "auto" and generates),
        per_channel=per_channel,
        reduce_range=instructions.reduced_range(reduce_range),
    )
    settings = {**settings, "built_on": instructions.record()}
    return model.rewrite(out, parents=[model], runtime="onnxruntime", settings=settings)
