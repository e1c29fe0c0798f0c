"""Dynamic int8: weights as int8 once, activations as uint8 with a range of their own at every call.

Matrix products and embedding tables are quantized; normalization, softmax and activations stay in float32.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

OPERATORS = ["MatMul", "Gemm", "Gather"]


def quantize(graph: Any, *, per_channel: bool, reduce_range: bool) -> Any:
    """An ``onnx.ModelProto`` with its weights in int8; the given one is used up."""
    import onnx
    from onnxruntime.quantization import QuantType, quant_utils, quantize_dynamic

    # The exporter has done what this preprocessing does; without the mark the library logs advice to do it.
    quant_utils.add_pre_process_metadata(graph)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "int8.onnx"
        quantize_dynamic(
            graph,
            path,
            op_types_to_quantize=OPERATORS,
            per_channel=per_channel,
            reduce_range=reduce_range,
            weight_type=QuantType.QInt8,
        )
        return onnx.load(path)
