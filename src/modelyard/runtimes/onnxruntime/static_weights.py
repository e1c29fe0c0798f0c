"""Static int8: weights as int8, activations as uint8 with ranges observed once, on rows of the user's own.

The graph says for itself where it is quantized (pairs of QuantizeLinear and DequantizeLinear), so that an answer
does not depend on what shares its batch.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.runtime import Arrays

OPERATORS = ["MatMul", "Gemm", "Conv", "Gather"]
METHODS = {"minmax": "MinMax", "entropy": "Entropy", "percentile": "Percentile"}


def quantize(graph: Any, rows: Sequence[Arrays], *, method: str, per_channel: bool, reduce_range: bool) -> Any:
    """An ``onnx.ModelProto`` in int8; the given one is used up.

    Args:
        rows: inputs to observe the ranges of activations on.
        method: ``minmax`` takes the least and the largest value, ``percentile`` leaves out one in 100,000,
            ``entropy`` the range that loses least information (Kullback–Leibler).
        per_channel: one scale for each output of a weight.
        reduce_range: weights of 7 bits.
    """
    import onnx
    from onnxruntime import quantization

    quantization.quant_utils.add_pre_process_metadata(graph)
    names = [item.name for item in graph.graph.input]
    # Products of two activations (attention) stay in float, and so does what a product gives.
    options: dict[str, Any] = {"MatMulConstBOnly": True, "OpTypesToExcludeOutputQuantization": ["MatMul", "Gemm"]}
    # Row by row: rows differ in length, and the values of all of them at once would fill the memory.
    options |= {"CalibStridedMinMax": 1}
    # The library tells its progress on standard output.
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "int8.onnx"
        quantization.quantize_static(
            graph,
            path,
            _reader([{name: row[name] for name in names} for row in rows]),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=OPERATORS,
            per_channel=per_channel,
            reduce_range=reduce_range,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=getattr(quantization.CalibrationMethod, METHODS[method]),
            extra_options=options,
        )
        return onnx.load(path)


def _reader(rows: Sequence[Mapping[str, np.ndarray]]) -> Any:
    """The rows as the library reads them, a range at a time."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._rows: Iterator[Mapping[str, np.ndarray]] = iter(())

        def __len__(self) -> int:
            return len(rows)

        def set_range(self, start_index: int, end_index: int) -> None:
            self._rows = iter(rows[start_index:end_index])

        def get_next(self) -> Mapping[str, np.ndarray] | None:
            return next(self._rows, None)

    return Reader()
