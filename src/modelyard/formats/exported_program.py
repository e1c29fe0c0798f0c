"""Turns the network of a task into a ``torch.export`` program for one row at a time.

What ExecuTorch and LiteRT are made from. Knows networks by their named arrays only.
"""

from __future__ import annotations

from typing import Any

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats.positional import positional
from modelyard.formats.signature import Signature


def export(model: Model, signature: Signature) -> Any:
    """A ``torch.export.ExportedProgram`` that takes a list of tensors in the signature's order.

    Axes with a limit may vary up to it; all others keep the length that the task's example has, the rows one.

    Raises:
        InputError: the model is on another runtime than torch.
    """
    import torch

    refuse_converted(model)
    network = positional(lookup.task(model.task).network(model), tuple(signature.inputs), signature.outputs)
    varying = {
        (axis, most): torch.export.Dim(f"axis_{axis}_to_{most}", min=1, max=most)
        for axes in signature.limits.values()
        for axis, most in axes.items()
    }
    shapes = [
        {axis: varying[axis, most] for axis, most in signature.limits.get(name, {}).items()}
        for name in signature.inputs
    ]
    return torch.export.export(network, (example(model, signature),), dynamic_shapes=(shapes,))


def example(model: Model, signature: Signature) -> list[Any]:
    """One row as tensors, in the signature's order."""
    import torch

    arrays, _ = lookup.task(model.task).export_example(model)
    return [torch.from_numpy(arrays[name][:1].copy()) for name in signature.inputs]


def refuse_converted(model: Model) -> None:
    """Only a network that torch runs can be exported.

    Raises:
        InputError: the model is on another runtime.
    """
    if model.runtime != "torch":
        raise InputError(
            f"a model on the runtime {model.runtime} cannot be exported again",
            expected="a model on the runtime torch",
            fix="convert the model as it was before its first conversion",
        )
