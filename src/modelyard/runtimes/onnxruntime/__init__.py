"""The ONNX Runtime: models exported to ``model.onnx``, in float32 or with int8 weights.

The runtime to ship on a CPU: no torch in the serving process, and int8 weights. Knows no task by name.
"""

from modelyard.runtimes.onnxruntime.runtime import OnnxRuntime

RUNTIME = OnnxRuntime()
