"""Static int8 by NNCF: weights as int8, activations with ranges observed once, on rows of the user's own.

A network with attention is quantized by the rules for transformers: products of two activations inside the
attention stay as they are, and large activations are moved into the weights (SmoothQuant, Xiao et al., 2023).
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from modelyard.core.errors import MissingExtraError
from modelyard.core.runtime import Arrays

OUTLIERS = 1e-4
"""Share of values beyond a ``percentile`` range, at each end."""
REACH = 3
"""Operators from a softmax to the product that makes it attention; a classifier's own softmax has nothing behind it."""


def quantize(graph: Any, rows: Sequence[Arrays], *, method: str, per_channel: bool, reduce_range: bool) -> Any:
    """An ``openvino.Model`` in int8; the given one stays as it is.

    Args:
        rows: inputs to observe the ranges of activations on.
        method: ``minmax`` takes the least and the largest value of each row and averages over rows as NNCF does;
            ``percentile`` leaves out the outermost values.
        per_channel: one scale for each output of a weight.
        reduce_range: weights of 7 bits.
    """
    with _silent() as nncf:
        from nncf.quantization.advanced_parameters import QuantizationParameters

        names = [item.get_any_name() for item in graph.inputs]
        fix = nncf.OverflowFix.ENABLE if reduce_range else nncf.OverflowFix.DISABLE
        parameters = nncf.AdvancedQuantizationParameters(
            overflow_fix=fix, weights_quantization_params=QuantizationParameters(per_channel=per_channel)
        )
        if method == "percentile":
            parameters.activations_range_estimator_params = _percentile()
        return nncf.quantize(
            graph,
            nncf.Dataset([{name: row[name] for name in names} for row in rows]),
            subset_size=len(rows),
            model_type=nncf.ModelType.TRANSFORMER if _has_attention(graph) else None,
            advanced_parameters=parameters,
        )


def _has_attention(graph: Any) -> bool:
    """Whether a product follows soon on a softmax, or the graph has attention as one operator."""
    operations = graph.get_ops()
    if any(operation.get_type_name() == "ScaledDotProductAttention" for operation in operations):
        return True
    near = [operation for operation in operations if operation.get_type_name() == "Softmax"]
    for _ in range(REACH):
        # Between the two, exporters put dropout, and a choice that replaces what is no number.
        near = [port.get_node() for node in near for output in node.outputs() for port in output.get_target_inputs()]
        if any(node.get_type_name() == "MatMul" for node in near):
            return True
    return False


def _percentile() -> Any:
    from nncf.quantization.range_estimator import (
        AggregatorType,
        RangeEstimatorParameters,
        StatisticsCollectorParameters,
        StatisticsType,
    )

    ends = [
        StatisticsCollectorParameters(
            statistics_type=StatisticsType.QUANTILE, aggregator_type=AggregatorType.MEAN, quantile_outlier_prob=OUTLIERS
        )
        for _ in range(2)
    ]
    return RangeEstimatorParameters(min=ends[0], max=ends[1])


@contextmanager
def _silent() -> Iterator[Any]:
    """NNCF, with its notes and progress bars left out and its reports of use switched off before it is loaded."""
    before = os.environ.get("NNCF_CI")
    os.environ["NNCF_CI"] = "1"
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            import nncf
    except ImportError:
        raise MissingExtraError("nncf", "openvino") from None
    finally:
        os.environ.pop("NNCF_CI") if before is None else os.environ.update(NNCF_CI=before)
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield nncf
    finally:
        logger.setLevel(level)
