"""What models must share to be combined, and the ensemble made of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats.files import WEIGHTS

NOT_ENCODING = ("config.json", "training.json")
"""Files that say nothing of how rows become arrays: the network's shape and how it was trained."""


def check_alike(models: Sequence[Model]) -> None:
    """Raise InputError unless all do one task on the same classes, and read the same arrays of a row."""
    first = models[0]
    if "labels" not in lookup.task(first.task).abilities:
        raise InputError(f"an ensemble of {first.task}", expected="models that choose one of several classes")
    for number, model in enumerate(models, start=1):
        if model.answers:
            raise InputError(
                f"model {number} changes its answers: {_say(model.answers)}",
                expected="models without a calibration or conformal sets of their own",
                fix="combine the models as they were before, and calibrate the ensemble",
            )
    for number, model in enumerate(models[1:], start=2):
        for what, ours, theirs in (
            ("task", first.task, model.task),
            ("classes", first.labels, model.labels),
            ("transforms", first.transforms, model.transforms),
            ("max_length", first.settings.get("max_length"), model.settings.get("max_length")),
        ):
            if ours != theirs:
                raise _unlike(number, what, f"{_say(theirs)} where the first has {_say(ours)}")
        for name in sorted(_encoding_files(first) & _encoding_files(model)):
            if first.files[name] != model.files[name]:
                raise _unlike(number, "encoding", f"another {name} than the first")
        if not _same_arrays(first, model):
            raise _unlike(number, "encoding", "other inputs than the first")


def combine(
    models: Sequence[Model], out: Path, combination: Literal["average", "vote"], weights: Sequence[float] | None
) -> Model:
    """Write the ensemble of ``models`` into ``out``.

    Raises:
        InputError: fewer than two models, models that are not alike, or weights that are not one a model.
    """
    if len(models) < 2:
        raise InputError(f"{len(models)} model", expected="two models or more", fix="name more of them under models:")
    if weights is not None and (len(weights) != len(models) or not sum(weights) > 0):
        raise InputError(
            f"weights: {', '.join(f'{weight:g}' for weight in weights)}",
            expected=f"{len(models)} numbers, one a model, that are not all zero",
        )
    check_alike(models)
    settings = lookup.runtime("ensemble").build(
        models[0], out, members=models, combination=combination, weights=weights or ()
    )
    return models[0].rewrite(out, parents=models, runtime="ensemble", settings=settings)


def _encoding_files(model: Model) -> set[str]:
    return {name for name in model.files if "/" not in name and not name.endswith(WEIGHTS)} - set(NOT_ENCODING)


def _same_arrays(first: Model, second: Model) -> bool:
    ours, theirs = (lookup.task(model.task).export_example(model)[0] for model in (first, second))
    return set(ours) == set(theirs) and all(np.array_equal(ours[name], theirs[name]) for name in ours)


def _unlike(number: int, what: str, difference: str) -> InputError:
    return InputError(
        f"model {number} cannot be combined with the first: {what}: {difference}",
        expected="models of one task with the same classes in the same order, tokenizer and transforms",
        fix="train them from one base model on the same data",
    )


def _say(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(getattr(item, "name", item)) for item in value) or "none"
    return str(value)
