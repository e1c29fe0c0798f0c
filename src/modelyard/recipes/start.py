"""The runtime that the model of a recipe starts on: that of a model in the yard, and of foreign files by what they are.

Knows no step; fetches nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modelyard.core.artifact import Artifact
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.formats import onnx_adoption, onnx_source, saved_model
from modelyard.recipes.plan import START_RUNTIME


def of_fetched(found: Artifact | Source | None) -> str:
    """The runtime of a model, or of the one that a source will become.

    Raises:
        InputError: a source needs an environment that is not there.
    """
    if isinstance(found, Model):
        return found.runtime
    if isinstance(found, Source) and saved_model.is_saved_model(found.path):
        saved_model.ENVIRONMENT.find_python()
        return onnx_adoption.RUNTIME
    if isinstance(found, Source) and onnx_source.find(found.path):
        return onnx_adoption.RUNTIME
    return START_RUNTIME


def foretell(model: Any, folder: Path) -> str:
    """The same as far as it can be told before anything is fetched.

    Args:
        model: what stands under ``model`` in a recipe, whatever it is.
        folder: that paths start from.
    """
    reference = str(model.get("source") if isinstance(model, dict) else model)
    try:
        path = folder / Path(reference).expanduser()
        if path.is_dir() and (saved_model.is_saved_model(path) or onnx_source.find(path)):
            return onnx_adoption.RUNTIME
    except (OSError, ValueError, RuntimeError, InputError):
        # Whatever is wrong with it is said where it is fetched.
        return START_RUNTIME
    return onnx_adoption.RUNTIME if reference.endswith(".onnx") else START_RUNTIME
