"""``quantize static``: int8 weights, activations with ranges observed on rows of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.options import Between, Search
from modelyard.core.step import step
from modelyard.engines import instructions
from modelyard.engines.calibration import calibration_arrays


@step(needs="graph", converts=True, shrinks="bits")
def static(
    model: Model,
    data: Dataset,
    *,
    out: Path,
    runtime: Annotated[Literal["onnxruntime", "openvino"], Search("onnxruntime", "openvino")] = "onnxruntime",
    method: Literal["minmax", "entropy", "percentile"] = "minmax",
    split: str = "train",
    rows: Annotated[int, Between(1, 100_000)] = 200,
    per_channel: bool = True,
    reduce_range: Literal["auto", "yes", "no"] = "auto",
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0,
) -> Model:
    """Convert to int8 with ranges of activations observed on your own rows.

    Weights are stored as int8 and products are computed in int8, as ``quantize dynamic`` does; but the range of each
    activation is fixed once, on rows of the data, and is not looked for at every call. So an answer does not depend on
    what shares its batch. Rows unlike those of the calibration may fall outside the ranges and are clipped.

    On OpenVINO, NNCF decides what is quantized, by its rules for transformers where the network has attention.

    An x86 CPU without VNNI or AMX adds two products in 16 bits, which overflow where both are near their limits.
    Weights of 7 bits cannot overflow there. ``reduce_range: auto`` asks the CPU that builds; say ``yes`` where the
    model will be served on an older one.

    Args:
        model: the model to convert, on the runtime torch or an ONNX graph in float32.
        data: rows to observe.
        runtime: where the result runs.
        method: the range is that of all values seen (minmax), leaves out the outermost (percentile), or is the one that
            loses least information (entropy; ONNX Runtime only).
        split: where the rows come from.
        rows: how many are drawn; more cost time, and some hundred are enough.
        per_channel: one scale for each output of a layer, closer to the float weights than one for the whole layer.
        reduce_range: weights of 7 bits in place of 8.
        seed: of the draw.
    """
    if "generation" in lookup.task(model.task).abilities:
        raise InputError(
            "a model that generates cannot be quantized with fixed ranges",
            expected="a model whose answer is one call of its network",
            fix="use quantize dynamic, or quantize weights",
        )
    if runtime == "openvino" and method == "entropy":
        raise InputError("method: 'entropy' on openvino", expected="minmax or percentile there")
    settings = lookup.runtime(runtime).build(
        model,
        out,
        precision="int8",
        calibration=calibration_arrays(model, data, split=split, rows=rows, seed=seed),
        method=method,
        per_channel=per_channel,
        reduce_range=instructions.reduced_range(reduce_range),
    )
    settings = {**settings, "built_on": instructions.record()}
    return model.rewrite(out, parents=[model, data], runtime=runtime, settings=settings)
