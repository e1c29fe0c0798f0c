"""modelyard: one recipe from a pretrained model and your data to a proven release.

Every step is a function here, under its own name: ``modelyard.quantize.dynamic(model)``,
``modelyard.evaluate(model, data)``. Nothing is imported before it is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Yard": "modelyard.yard.yard",
    "build": "modelyard.recipes.build",
    "crossvalidate": "modelyard.recipes.crossvalidation",
    "fetch": "modelyard.sources",
    "learning_curve": "modelyard.recipes.learning_curve",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    lookup = import_module("modelyard.core.lookup")
    if name.startswith("_") or not lookup.is_verb(name):
        raise AttributeError(f"module 'modelyard' has no attribute {name!r}")
    return import_module("modelyard.recipes.namespace").verb(name)
