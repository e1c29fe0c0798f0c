"""Turns the network of a task into a ``torch.export`` program for one row at a time.

What ExecuTorch and LiteRT are made from. Knows networks by their named arrays only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats.positional import positional
from modelyard.formats.signature import Signature


def export(model: Model, signature: Signature, *, fixed: bool = False) -> Any:
    """A ``torch.export.ExportedProgram`` that takes a list of tensors in the signature's order.

    Axes with a limit may vary up to it; all others keep the length that the task's example has, the rows one.

    Args:
        fixed: axes with a limit have that length always; a shorter row is filled up with zeros.

    Raises:
        InputError: the model is on another runtime than torch.
    """
    import torch

    refuse_converted(model)
    network = positional(lookup.task(model.task).network(model), tuple(signature.inputs), signature.outputs)
    row = example(model, signature)
    if fixed:
        limits = [signature.limits.get(name, {}) for name in signature.inputs]
        row = [_lengthen(tensor, axes) for tensor, axes in zip(row, limits, strict=True)]
        return torch.export.export(network, (row,))
    varying = {
        (axis, most): torch.export.Dim(f"axis_{axis}_to_{most}", min=1, max=most)
        for axes in signature.limits.values()
        for axis, most in axes.items()
    }
    shapes = [
        {axis: varying[axis, most] for axis, most in signature.limits.get(name, {}).items()}
        for name in signature.inputs
    ]
    return torch.export.export(network, (row,), dynamic_shapes=(shapes,))


def example(model: Model, signature: Signature) -> list[Any]:
    """One row as tensors, in the signature's order."""
    import torch

    arrays, _ = lookup.task(model.task).export_example(model)
    return [torch.from_numpy(arrays[name][:1].copy()) for name in signature.inputs]


def _lengthen(tensor: Any, axes: Mapping[int, int]) -> Any:
    """Repeat what is there along each axis up to its limit."""
    for axis, length in axes.items():
        times = [1] * tensor.dim()
        times[axis] = -(-length // tensor.shape[axis])
        tensor = tensor.repeat(*times).narrow(axis, 0, length).contiguous()
    return tensor


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
