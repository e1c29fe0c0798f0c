"""Text generation: a prompt in, text out, token by token, with a key–value cache.

Any causal language model of Hugging Face's whose cache is keys and values, and GGUF files. The decoding loop is
here and not in the runtime, so that every runtime samples alike; a session computes logits and the longer cache.
Torch and transformers are loaded only to adopt and to train.

Which runtime: ONNX Runtime with int8 weights in blocks (``quantize dynamic``) to serve, for it writes one and a half
times as fast as ONNX Runtime in float32, keeps the perplexity and takes a quarter of the memory; torch where prompts
are long and answers short, and to train.
"""

from modelyard.tasks.text_generation.task import TextGeneration

TASK = TextGeneration()
