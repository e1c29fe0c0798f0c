"""Cases that are made for every model of a task: abnormal input, which may be answered or refused, never break it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import raw_columns
from modelyard.formats.abnormal_images import images
from modelyard.formats.suite import Case
from modelyard.methods import abnormal_inputs


def generated_cases(model: Model, processor: Any) -> tuple[Case, ...]:
    """One case for each odd value of each role that the task reads.

    Args:
        processor: of the model's task, which knows the columns of a table.
    """
    return tuple(
        Case(name=f"generated: {role}: {what}", row={role: value}, outcome="either")
        for role in lookup.task(model.task).inputs
        for what, value in _values(role, model, processor).items()
    )


def _values(role: str, model: Model, processor: Any) -> Mapping[str, Any]:
    if role == "text":
        return abnormal_inputs.TEXTS
    if role == "image":
        return images()
    if role == "features":
        return abnormal_inputs.tables(raw_columns(model, processor))
    return {}
