"""``quantize weights``: weights of 4 or 8 bits, for language models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="graph", converts=True)
def weights(
    model: Model,
    *,
    out: Path,
    bits: Literal[4, 8] = 4,
    activations: Literal["float32", "int8"] = "float32",
    runtime: Literal["onnxruntime", "openvino"] = "onnxruntime",
) -> Model:
    """Store weights in 4 or 8 bits and compute in float32.

    Writing text one token at a time is as fast as the weights can be read from memory. Activations stay as they are, so
    that only the rounding of weights changes an answer. With ``bits: 4`` every 32 weights have a scale and an offset of
    their own, as in GGUF's Q4_1: a model that was read from such a file keeps its very weights. Embeddings, and a last
    layer that shares their table, are stored in 8 bits.

    ``activations: int8`` rounds the input of each product too: faster, and answers change more. On the ONNX Runtime
    the input of a last layer that shares its table is rounded either way, and prompts are read a little slower than in
    float32; OpenVINO keeps the cache itself, and reads and writes faster.

    Figures of SmolLM2-135M in every form, speed and perplexity, are in the documentation of language models.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        bits: of one weight; on the ONNX Runtime 8 is two planes of 4, nearer to float weights and slow.
        activations: int8 rounds the input of each product as it comes.
        runtime: where the result runs.
    """
    rounded = activations == "int8"
    settings = lookup.runtime(runtime).build(model, out, weight_bits=bits, int8_activations=rounded)
    return model.rewrite(out, parents=[model], runtime=runtime, settings=settings)
