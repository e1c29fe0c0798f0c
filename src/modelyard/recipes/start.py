"""Where the model of a recipe starts: its runtime, and what its network is made of, by what its files are.

Knows no step; fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.task import Task
from modelyard.formats import network_parts, onnx_adoption, onnx_source, saved_model

RUNTIME = "torch"


@dataclass(frozen=True)
class Start:
    """What is known of a model before the first step.

    Attributes:
        runtime: that it runs on.
        parts: what can be taken out of its network (:mod:`modelyard.formats.network_parts`).
    """

    runtime: str = RUNTIME
    parts: frozenset[str] = network_parts.ANY

    def abilities(self, task: Task) -> frozenset[str]:
        """What steps may count on wherever the model runs."""
        return task.abilities | self.parts


UNKNOWN = Start()
"""A model that was not fetched yet."""


def of_fetched(found: Artifact | Source | None) -> Start:
    """That of a model, or of the one that a source will become.

    Raises:
        InputError: a source needs an environment that is not there.
    """
    if isinstance(found, Model):
        return Start(found.runtime, network_parts.find(found.path))
    if isinstance(found, Source) and saved_model.is_saved_model(found.path):
        saved_model.ENVIRONMENT.find_python()
        return Start(onnx_adoption.RUNTIME)
    if isinstance(found, Source) and onnx_source.find(found.path):
        return Start(onnx_adoption.RUNTIME)
    return Start(parts=network_parts.find(found.path)) if isinstance(found, Source) else UNKNOWN


def foretell(model: Any, folder: Path) -> Start:
    """The same as far as it can be told before anything is fetched.

    Args:
        model: what stands under ``model`` in a recipe, whatever it is.
        folder: that paths start from.
    """
    reference = str(model.get("source") if isinstance(model, dict) else model)
    try:
        path = folder / Path(reference).expanduser()
        if path.is_dir() and (saved_model.is_saved_model(path) or onnx_source.find(path)):
            return Start(onnx_adoption.RUNTIME)
    except (OSError, ValueError, RuntimeError, InputError):
        # Whatever is wrong with it is said where it is fetched.
        return UNKNOWN
    return Start(onnx_adoption.RUNTIME) if reference.endswith(".onnx") else UNKNOWN
