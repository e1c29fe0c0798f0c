"""Conformance of a task, checked through a model of its kind."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import WritingSession
from modelyard.core.task import Prediction
from modelyard.core.transform import Row


def check_task(
    model: Model, rows: Sequence[Row], options: Mapping[str, Any] | None = None, *, tolerance: float = 1e-4
) -> None:
    """Hold the task of ``model`` to the contract.

    Args:
        model: a model of the task, small enough to be run often.
        rows: at least three different rows.
        options: options of ``predict`` that make the answers repeatable.
        tolerance: how far a number may move when a row has other neighbours in its batch.
    """
    given = dict(options or {})
    task = lookup.task(model.task)
    assert task.name == model.task and task.inputs, f"{model.task}: the task has another name, or no inputs"
    with Predictor(model) as predictor:
        answers = predictor.predict(rows, **given)
        assert len(answers) == len(rows), f"{task.name}: {len(rows)} rows gave {len(answers)} answers"
        json.dumps(answers, allow_nan=False)
        backwards = predictor.predict(list(reversed(rows)), **given)
        _same(answers, list(reversed(backwards)), tolerance, "the order of the rows changes the answers")
        alone = [predictor.predict([row], **given)[0] for row in rows]
        _same(answers, alone, tolerance, "the neighbours in a batch change the answers")
        assert predictor.predict([], **given) == [], f"{task.name}: no rows must give no answers"
        _refuses_missing_role(predictor, rows[0], given)
        _check_arrays(predictor, rows)


def _check_arrays(predictor: Predictor, rows: Sequence[Row]) -> None:
    task, processor = predictor.task, predictor.processor
    arrays = task.collate(processor, task.encode(processor, rows))
    unknown = set(arrays) - set(predictor.session.input_names)
    writes = isinstance(predictor.session, WritingSession)
    assert writes or not unknown, f"{task.name}: collate makes {unknown}, which the session does not take"
    assert all(isinstance(array, np.ndarray) and len(array) == len(rows) for array in arrays.values())
    example, axes = task.export_example(predictor.model)
    assert set(axes) >= set(example), f"{task.name}: export_example names no axes for some of its arrays"


def _refuses_missing_role(predictor: Predictor, row: Row, options: dict[str, Any]) -> None:
    for role in predictor.task.inputs:
        try:
            predictor.predict([{name: value for name, value in row.items() if name != role}], **options)
        except InputError as error:
            assert role in str(error)
        else:
            raise AssertionError(f"{predictor.task.name}: a row without {role!r} was answered")


def _same(left: Sequence[Prediction], right: Sequence[Prediction], tolerance: float, message: str) -> None:
    for one, other in zip(left, right, strict=True):
        assert _close(one, other, tolerance), f"{message}: {one} and {other}"


def _close(one: Any, other: Any, tolerance: float) -> bool:
    if isinstance(one, Mapping):
        return set(one) == set(other) and all(_close(one[key], other[key], tolerance) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(_close(a, b, tolerance) for a, b in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=0, abs_tol=tolerance)
    return bool(one == other)
