"""OpenVINO: models as ``model.xml`` and ``model.bin``, in float32, half precision or int8.

On most CPUs of Intel and AMD the fastest place to run an encoder. Needs the extra ``openvino``. Knows no task by name.
"""

from modelyard.runtimes.openvino.runtime import OpenVino

RUNTIME = OpenVino()
