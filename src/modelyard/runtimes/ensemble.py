"""The runtime ``ensemble``: several classifiers that read the same arrays answer as one.

Each member is a whole model in a folder of its own and runs in its own runtime. Knows no task by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import numpy as np

from modelyard.core import lookup
from modelyard.core.artifact import open_artifact
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats.files import copy_companions
from modelyard.methods import combining
from modelyard.methods.class_predictions import softmax

MEMBERS = "members"
"""Folder of the members, and setting with their number."""
COMBINATIONS = {"average": combining.average, "vote": combining.vote}


class EnsembleSession:
    """The members' sessions; ``run`` gives ``logits``, the logarithms of the combined probabilities."""

    output_names = ("logits",)

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        self._weights: Sequence[float] = model.settings["weights"]
        self._combine = COMBINATIONS[model.settings["combination"]]
        with ExitStack() as opened:
            self._sessions = []
            for member in read_members(model):
                session = lookup.runtime(member.runtime).open(member, device=device, threads=threads)
                opened.callback(session.close)
                self._sessions.append(session)
            self._opened = opened.pop_all()

    @property
    def input_names(self) -> tuple[str, ...]:
        return self._sessions[0].input_names

    def run(self, arrays: Arrays) -> Arrays:
        probabilities = [softmax(np.asarray(session.run(arrays)["logits"])) for session in self._sessions]
        combined = self._combine(probabilities, self._weights)
        # A probability of zero has no logarithm; the smallest normal number stands for it.
        return {"logits": np.log(np.maximum(combined, np.finfo(np.float32).tiny)).astype(np.float32)}

    def close(self) -> None:
        self._opened.close()


class Ensemble:
    """Opens ensembles, and builds them of classifiers; an ensemble can be neither trained nor converted."""

    name = "ensemble"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> EnsembleSession:
        """Open every member in its own runtime.

        Args:
            device: passed on to each member's runtime.
            threads: cores of one call; the members take turns.
        """
        return EnsembleSession(model, device, threads)

    def build(
        self,
        model: Model,
        out: Path,
        *,
        members: Sequence[Model] = (),
        combination: Literal["average", "vote"] = "average",
        weights: Sequence[float] = (),
        **unknown: Any,
    ) -> Mapping[str, Any]:
        """Copy the members into ``out``, and beside them what encodes rows for all.

        Args:
            model: the member whose tokenizer and other files encode rows for all.
            out: an empty folder.
            members: models that read the same arrays and know the same classes in the same order.
            combination: ``average`` of the probabilities, or ``vote``.
            weights: one a member; none for equal ones.

        Raises:
            InputError: no members are given, or one is an ensemble itself.
        """
        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        if not members or any(member.runtime == self.name for member in members):
            raise InputError(
                "an ensemble is made of models that are no ensembles themselves",
                expected="one model or more",
                fix="name the members of an ensemble in its place",
            )
        for number, member in enumerate(members):
            shutil.copytree(member.path, out / MEMBERS / str(number))
        copy_companions(model, out)
        return {
            MEMBERS: len(members),
            "combination": combination,
            "weights": [float(weight) for weight in weights or [1.0] * len(members)],
        }


def read_members(model: Model) -> list[Model]:
    """The models that an ensemble is made of.

    Raises:
        InputError: a member is missing or no model.
    """
    found = [open_artifact(model.path / MEMBERS / str(number)) for number in range(int(model.settings[MEMBERS]))]
    members = [member for member in found if isinstance(member, Model)]
    if len(members) < len(found) or not members:
        raise InputError("a member of the ensemble is no model", where=str(model.path))
    return members


RUNTIME = Ensemble()
