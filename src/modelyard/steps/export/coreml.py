"""Moves a model to Core ML."""

from __future__ import annotations

from pathlib import Path

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="conversion", runtime="coreml", converts=True)
def coreml(model: Model, *, out: Path) -> Model:
    """Export to Core ML, for Apple's devices.

    The package holds the network in float32 and answers one row at a time. It is written on any system but runs on
    macOS only: anywhere else it cannot be compared with its source, and ``evaluate`` on it is an error that says so.
    Networks of tables and images convert; encoders of text do not.

    Args:
        model: the model to convert, on the runtime torch.
    """
    settings = lookup.runtime("coreml").build(model, out)
    return model.rewrite(out, parents=[model], runtime="coreml", settings=settings)
