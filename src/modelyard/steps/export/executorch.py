from __future__ import annotations

from pathlib import Path

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.step import step


@step(needs="conversion", runtime="executorch", converts=True)
def executorch(model: Model, *, out: Path) -> Model:
    """Export to ExecuTorch, for phones and small devices.

    The file holds the network in float32, planned for one row at a time and for texts up to the model's
    ``max_length``; XNNPACK does its arithmetic on ARM and x86 processors. It runs here too, so that it is compared
    with its source before it goes to a device.

    Args:
        model: the model to convert, on the runtime torch.
    """
    settings = lookup.runtime("executorch").build(model, out)
    return model.rewrite(out, parents=[model], runtime="executorch", settings=settings)
