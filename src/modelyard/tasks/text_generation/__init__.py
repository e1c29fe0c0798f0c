"""Text generation: a prompt in, text out, token by token, with a key–value cache.

Any causal language model of Hugging Face's whose cache is keys and values, and GGUF files. The decoding loop is
here and not in the runtime, so that every runtime samples alike; a session computes logits and the longer cache.
Torch and transformers are loaded only to adopt and to train.

Which runtime: ONNX Runtime with int8 weights in blocks (``quantize dynamic``) to serve. SmolLM2-135M on one core of a
CPU with AVX2, prompts of 128 tokens: torch reads 259 and writes 16 tokens a second, ONNX Runtime 324 and 23, with int8
blocks 238 and 51, in 152 MB against 538 and at the perplexity of float32. The cache goes back and forth as numpy
arrays: keeping it inside ONNX Runtime was no faster, up to 4,000 tokens.
"""

from modelyard.tasks.text_generation.task import TextGeneration

TASK = TextGeneration()
