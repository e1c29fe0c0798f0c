"""Moves a model to LiteRT."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="conversion", runtime="litert", converts=True)
def litert(model: Model, *, out: Path, precision: Literal["fp32", "int8"] = "fp32") -> Model:
    """Export to LiteRT (TensorFlow Lite), for phones and microcontrollers.

    The file answers one row at a time; a text has exactly the model's ``max_length`` tokens in it, and shorter ones
    are filled up, so a smaller ``max_length`` is faster. The converter needs an environment of its own; where it is
    missing, the error prints the commands that make it. Running needs ``pip install 'modelyard[litert]'``.

    Args:
        model: the model to convert, on the runtime torch.
        precision: int8 stores the weights in a quarter of the size and quantizes activations as they come.
    """
    settings = lookup.runtime("litert").build(model, out, precision=precision)
    return model.rewrite(out, parents=[model], runtime="litert", settings=settings)
