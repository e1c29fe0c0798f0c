"""Fits a scikit-learn estimator on the split ``train`` and writes it as an ONNX model; nothing is pickled.

The graph takes what a network over the same table takes, and gives what it gives: ``logits`` (the logarithms of the
probabilities) or ``value``. Knows no estimator by name.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError, MissingExtraError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.progress import progress

if TYPE_CHECKING:
    import numpy as np

RUNTIME = "onnxruntime"
SMALLEST = 1e-30
"""A probability of zero becomes this, so that its logarithm is a number."""
TOLERANCE = 1e-4
"""How far the graph may be from scikit-learn: in probability, or in standard deviations of the target."""
CHECKED_ROWS = 1000


def fit(data: Dataset, out: Path, *, task: str, classifier: Callable[[], Any], regressor: Callable[[], Any]) -> Model:
    """Fit one of the two estimators, as the task asks, and seal the model.

    Args:
        classifier: makes the estimator for classes; it must offer ``predict_proba``.
        regressor: makes the one for numbers.

    Raises:
        InputError: a task that is not over tables, or data that it cannot learn from.
        MissingExtraError: scikit-learn or skl2onnx is not installed.
    """
    check_installed()
    # Here and not above: it loads numpy.
    from modelyard.formats import onnx_file, onnx_graph, table_model

    chosen = lookup.task(task)
    if "features" not in chosen.abilities:
        raise InputError(f"fit: the task {task}", expected="tabular-classification or tabular-regression")
    processor = table_model.fit(data, str(chosen.target))
    arrays = table_model.collate(processor.encode(data.rows("train")))
    features, targets = arrays[table_model.ROLE], arrays["labels"]
    if "focus" in data.roles:
        raise InputError(
            "fit: the data ask for the focal loss", expected="a network", fix="take balance weights instead"
        )
    estimator = classifier() if processor.labels else regressor()
    weights = _weights(data)
    # A row that weighs nothing is not there for a tree's smallest leaf either.
    counted = slice(None) if weights is None else weights > 0
    with progress(f"fitting {type(estimator).__name__}"):
        estimator.fit(features[counted], targets[counted], sample_weight=None if weights is None else weights[counted])
    graph = to_graph(estimator, features.shape[1], onnx_graph.OPSET)
    onnx_graph.write(graph, out / onnx_file.MODEL_FILE)
    processor.write(out)
    settings = {
        "estimator": type(estimator).__name__,
        "parameters": {name: value for name, value in estimator.get_params().items() if _is_plain(value)},
        "opset": onnx_graph.OPSET,
    }
    model = Model.write(
        out,
        task=task,
        runtime=RUNTIME,
        base=f"scikit-learn {type(estimator).__name__}",
        parents=[data],
        labels=processor.labels,
        transforms=data.transforms,
        settings=settings,
    )
    _check(model, estimator, features[:CHECKED_ROWS])
    return model


def check_installed() -> None:
    """Raise MissingExtraError unless scikit-learn and skl2onnx are there."""
    from importlib.util import find_spec

    for module, package in (("sklearn", "scikit-learn"), ("skl2onnx", "skl2onnx")):
        if find_spec(module) is None:
            raise MissingExtraError(package, "sklearn")


def to_graph(estimator: Any, width: int, opset: int) -> Any:
    """The estimator as an ``onnx.ModelProto`` from ``features`` (batch, width) to ``logits`` or ``value``."""
    import onnx

    from modelyard.steps.fit import _boosted_trees

    opsets = {"": opset, _boosted_trees.DOMAIN: 3}
    if hasattr(estimator, "_predictors"):
        nodes = [_boosted_trees.to_node(estimator, "features", "scores")]
        found = "scores"
        weights: list[Any] = []
    else:
        graph, found = _convert(estimator, width, opsets)
        nodes, weights = list(graph.node), list(graph.initializer)
    classes = len(estimator.classes_) if hasattr(estimator, "classes_") else 0
    output = "logits" if classes else "value"
    extra, constants = _answer(found, output, raw=found == "scores", classes=classes)
    size = [("features", width)], [(output, classes or 1)]
    inputs, outputs = (
        [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["batch", columns]) for name, columns in part]
        for part in size
    )
    made = onnx.helper.make_graph([*nodes, *extra], "model", inputs, outputs, [*weights, *constants])
    return onnx.helper.make_model(
        made, ir_version=10, opset_imports=[onnx.helper.make_opsetid(*item) for item in opsets.items()]
    )


def _convert(estimator: Any, width: int, opsets: dict[str, int]) -> tuple[Any, str]:
    """The graph that skl2onnx makes, and the name of its output: probabilities, or the number."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.helpers.onnx_helper import select_model_inputs_outputs

    model = to_onnx(
        estimator,
        initial_types=[("features", FloatTensorType([None, width]))],
        options={"zipmap": False} if hasattr(estimator, "classes_") else None,
        target_opset=opsets,
        name="model",
    )
    found = model.graph.output[-1].name
    # The predicted label is not asked for: it follows from the probabilities.
    return select_model_inputs_outputs(model, outputs=[found]).graph, found


def _answer(found: str, output: str, *, raw: bool, classes: int) -> tuple[list[Any], list[Any]]:
    """Nodes and constants that make the output of what was found.

    Args:
        raw: whether it is scores that are logits already; those of two classes are one column, the log-odds.
    """
    import numpy as np
    from onnx import helper, numpy_helper

    if classes and not raw:
        smallest = numpy_helper.from_array(np.array([SMALLEST], dtype=np.float32), "smallest")
        clip = helper.make_node("Max", [found, "smallest"], ["clipped"], "clip")
        return [clip, helper.make_node("Log", ["clipped"], [output], "log")], [smallest]
    if classes == 2:
        pair = numpy_helper.from_array(np.array([[0, 1]], dtype=np.float32), "pair")
        return [helper.make_node("Mul", [found, "pair"], [output], "logits_of_two")], [pair]
    return [helper.make_node("Identity", [found], [output], "answer")], []


def _weights(data: Dataset) -> Any:
    import numpy as np

    return np.asarray(data.column("train", "weight"), dtype=np.float64) if "weight" in data.roles else None


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _check(model: Model, estimator: Any, features: np.ndarray) -> None:
    """Hold the graph to the estimator's answers on rows that it was fitted to.

    Raises:
        ModelyardError: they differ.
    """
    import numpy as np

    from modelyard.methods import class_predictions

    session = lookup.runtime(RUNTIME).open(model)
    try:
        (answers,) = session.run({"features": features}).values()
    finally:
        session.close()
    if model.labels:
        apart = float(np.abs(class_predictions.softmax(answers) - estimator.predict_proba(features)).max())
    else:
        apart = float(np.abs(answers[:, 0] - estimator.predict(features)).max())
    if not apart <= TOLERANCE:
        raise ModelyardError(
            f"the exported {type(estimator).__name__} differs from scikit-learn's by {apart:.2g}",
            expected=f"at most {TOLERANCE:g}",
            fix="try another estimator, and report this with the versions of scikit-learn and skl2onnx",
        )
