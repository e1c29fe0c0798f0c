"""modelyard: one recipe from a pretrained model and your data to a proven release.

Every step is a function here, under its own name: ``modelyard.quantize.dynamic(model)``,
``modelyard.evaluate(model, data)``. Nothing is imported before it is used.
"""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name.startswith("_"):
        raise AttributeError(f"module 'modelyard' has no attribute {name!r}")
    from modelyard.recipes import namespace

    if name == "Yard":
        from modelyard.yard.yard import Yard

        return Yard
    if name == "fetch":
        from modelyard.sources import fetch

        return fetch
    if name == "build":
        from modelyard.recipes.build import build

        return build
    return namespace.verb(name)
