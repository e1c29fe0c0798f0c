"""Reads the named tensors of a checkpoint that ``torch.save`` wrote, after it was judged to hold nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError
from modelyard.methods import torch_checkpoint


def read(path: Path) -> dict[str, Any]:
    """Name → tensor on the CPU; a mapping under ``state_dict`` is taken out of what holds it.

    Raises:
        InputError: the file could do more than hold tensors, is damaged, or holds anything else.
    """
    import torch

    with path.open("rb") as file:
        torch_checkpoint.check(file)
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, ValueError, KeyError, OSError) as error:
        raise InputError(f"{path.name} cannot be read: {str(error).splitlines()[0]}", expected="a whole file") from None
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not all(isinstance(value, torch.Tensor) for value in found.values()):
        raise InputError(f"{path.name} holds more than named tensors", expected="a state dictionary")
    return {str(name): tensor.detach() for name, tensor in found.items()}
