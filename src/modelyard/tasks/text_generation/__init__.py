"""Text generation: a prompt in, text out, token by token, with a key–value cache.

Any causal language model of Hugging Face's whose cache is keys and values, and GGUF files. The decoding loop is
here and not in the runtime, so that every runtime samples alike; a session computes logits and the longer cache.
Torch and transformers are loaded only to adopt and to train.

Which runtime on a CPU: OpenVINO with int8 weights and activations (``quantize weights`` with ``runtime: openvino``); it
keeps the cache of keys and values itself. Elsewhere the cache goes back and forth as numpy arrays: keeping it inside
ONNX Runtime was no faster, up to 4,000 tokens.
"""

from modelyard.tasks.text_generation.task import TextGeneration

TASK = TextGeneration()
