"""Conformance of a runtime, checked through a model that it opens."""

from __future__ import annotations

import numpy as np

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays, Session, WritingSession
from modelyard.testing.engines import check_engine


def check_runtime(model: Model, *, tolerance: float = 1e-5) -> None:
    """Hold the runtime of ``model`` to the contract.

    Args:
        model: a small model that names the runtime.
        tolerance: how far two sessions, or two thread counts, may differ.
    """
    runtime = lookup.runtime(model.runtime)
    assert runtime.name == model.runtime, f"{model.runtime}: the runtime calls itself {runtime.name}"
    arrays, _ = lookup.task(model.task).export_example(model)
    first, second = runtime.open(model, threads=1), runtime.open(model, threads=2)
    try:
        if isinstance(first, WritingSession):
            check_engine(first)
            return
        assert set(first.input_names) == set(second.input_names) and first.output_names == second.output_names
        given = {name: array for name, array in arrays.items() if name in first.input_names}
        once = _run(first, given)
        assert set(once) == set(first.output_names), f"{runtime.name}: outputs are not those that were named"
        _same(once, _run(first, given), 0.0, f"{runtime.name}: the same arrays gave another answer")
        _same(once, _run(second, given), tolerance, f"{runtime.name}: another thread count gave another answer")
    finally:
        first.close()
        second.close()


def _run(session: Session, arrays: Arrays) -> Arrays:
    kept = {name: array.copy() for name, array in arrays.items()}
    outputs = {name: np.asarray(value).copy() for name, value in session.run(arrays).items()}
    for name, array in arrays.items():
        assert np.array_equal(array, kept[name]), f"the session changed its input {name!r}"
    assert all(np.isfinite(value).all() for value in outputs.values()), "outputs are not finite"
    return outputs


def _same(left: Arrays, right: Arrays, tolerance: float, message: str) -> None:
    for name in left:
        assert left[name].shape == right[name].shape and np.allclose(left[name], right[name], 0, tolerance), message
