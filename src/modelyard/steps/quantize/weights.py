"""``quantize weights``: weights of 4 or 8 bits in blocks, for language models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="graph", runtime="onnxruntime", converts=True)
def weights(
    model: Model, *, out: Path, bits: Literal[4, 8] = 4, activations: Literal["float32", "int8"] = "float32"
) -> Model:
    """Store weights in 4 or 8 bits and compute in float32.

    Writing text one token at a time is as fast as the weights can be read from memory. Activations stay as they are, so
    that only the rounding of weights changes an answer. Every 32 weights have a scale and an offset of their own, as in
    GGUF's Q4_1: a model that was read from such a file keeps its very weights with ``bits: 4``.

    Embeddings, and a last layer that shares their table, are stored in 8 bits, and that layer's input is rounded to 8
    bits too. Prompts are read a little slower than in float32, since there arithmetic counts and not memory.

    SmolLM2-135M on two cores with AVX2: 542 to 116 MB, 1.35 times the tokens a second of float32, perplexity 85.44 to
    85.51, the likeliest next token changes in one place of forty. With ``activations: int8`` 1.9 times, 85.89, and one
    of twenty; ``quantize dynamic`` (8 bits, activations too) 2.0 times, 155 MB, 85.79, one of eighteen.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        bits: of one weight; 8 is two planes of 4: nearer to float weights, and slower than float32 on such a machine.
        activations: int8 rounds the input of each product, in blocks too: faster, and answers change more.
    """
    rounded = activations == "int8"
    settings = lookup.runtime("onnxruntime").build(model, out, weight_bits=bits, int8_activations=rounded)
    return model.rewrite(out, parents=[model], runtime="onnxruntime", settings=settings)
