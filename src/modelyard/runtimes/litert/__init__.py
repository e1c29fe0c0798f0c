"""The LiteRT runtime (once TensorFlow Lite): a ``model.tflite`` for phones and microcontrollers, in float32 or int8.

Running needs the small package ai-edge-litert. Converting needs litert-torch, which wants other versions of shared
packages than modelyard: it lives in an environment of its own and is reached by a subprocess. Knows no task by name.
"""

from modelyard.runtimes.litert.runtime import LiteRT

RUNTIME = LiteRT()
