"""Runs a step in this process and holds it to its contract.

Knows no recipe and no yard: it is handed artifacts and folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from modelyard.core import lookup, memory
from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.step import Step
from modelyard.formats import network_parts


def execute(
    step: Step,
    inputs: Sequence[Artifact | Source | None],
    options: Mapping[str, Any],
    *,
    out: Path,
    scratch: Path,
) -> Artifact:
    """Call the step and check what it hands back.

    Args:
        inputs: one for each positional parameter, None for an optional one that is not given.
        options: checked options (:meth:`Step.check_options`).
        out: the empty folder that the result is written to.
        scratch: a folder that outlives a crash of this call; the step may resume from it.

    Raises:
        InputError: the model does not offer what the step needs, or would take more than the stated limit of memory;
            the step did not run.
        ModelyardError: the step broke its contract.
    """
    _check_needs(step, inputs)
    for item in inputs:
        if isinstance(item, Model):
            memory.require_models([item])
    folders = {"out": out, "scratch": scratch}
    result = step.function(*inputs, **options, **{name: folders[name] for name in step.injected})
    if not isinstance(result, step.result):
        raise ModelyardError(f"step {step.name!r} returned {type(result).__name__}, not {step.result.__name__}")
    if result.path != out:
        raise ModelyardError(f"step {step.name!r} sealed {result.path}", expected=f"its folder {out}")
    expected = tuple(item.digest for item in inputs if isinstance(item, Artifact))
    if result.parents != expected:
        raise ModelyardError(
            f"step {step.name!r} named other parents than it was given",
            expected="parents=[…] with its artifacts, in the order of its parameters",
        )
    return result


def _check_needs(step: Step, inputs: Sequence[Artifact | Source | None]) -> None:
    """Refuse a step on a first model that does not offer what it needs, before anything runs."""
    model = inputs[0] if inputs else None
    if not isinstance(model, Model):
        return
    task, runtime = lookup.task(model.task), lookup.runtime(model.runtime)
    offered = task.abilities | runtime.abilities | network_parts.find(model.path)
    lacking = sorted(step.needs - offered)
    if lacking:
        raise InputError(
            f"{step.name!r} needs {' and '.join(map(repr, lacking))}, which this model of "
            f"{model.task} on the runtime {model.runtime!r} does not offer",
            fix="start from the model as it was before it came to that runtime, or choose another step",
        )
