"""Training state on disk: one safetensors file, replaced in one stroke, that a killed run resumes from.

It holds weights, optimizer moments, the random state and the position, so that the resumed run makes the
very steps that the uninterrupted one would have made. Nothing in it is executed when it is read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

STATE = "state"
"""Key of the JSON text in the file's metadata."""


def save(path: Path, tensors: Mapping[str, Any], state: Mapping[str, Any]) -> None:
    """Write tensors and JSON values; a crash leaves the old file or the new one, never a torn one."""
    from safetensors.torch import save_file

    staged = path.with_suffix(".staged")
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, staged, {STATE: json.dumps(state)})
    with staged.open("rb+") as file:
        os.fsync(file.fileno())
    staged.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def load(path: Path) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Tensors and state, or None where no readable checkpoint lies."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            state = json.loads((file.metadata() or {})[STATE])
            return {name: file.get_tensor(name) for name in file.keys()}, state  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError):
        return None


def network_tensors(network: Any) -> dict[str, Any]:
    """Every weight and buffer once, by name; shared ones under their first name."""
    return {**dict(network.named_parameters()), **dict(network.named_buffers())}


def gather(network: Any, optimizer: Any) -> dict[str, Any]:
    """All tensors that the next step depends on."""
    import torch

    tensors = {f"network/{name}": tensor.detach() for name, tensor in network_tensors(network).items()}
    for index, moments in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer/{index}/{name}": value for name, value in moments.items()}
    tensors["random/cpu"] = torch.get_rng_state()
    if torch.cuda.is_initialized():
        tensors["random/cuda"] = torch.cuda.get_rng_state()
    return tensors


def scatter(tensors: Mapping[str, Any], network: Any, optimizer: Any) -> None:
    """Put back what :func:`gather` took."""
    import torch

    restore_network({key.removeprefix("network/"): tensors[key] for key in tensors if key[:8] == "network/"}, network)
    moments: dict[int, dict[str, Any]] = {}
    for key in tensors:
        kind, _, rest = key.partition("/")
        if kind == "optimizer":
            index, name = rest.split("/")
            moments.setdefault(int(index), {})[name] = tensors[key]
    optimizer.load_state_dict({"state": moments, "param_groups": optimizer.state_dict()["param_groups"]})
    torch.set_rng_state(tensors["random/cpu"])
    if "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"])


def restore_network(tensors: Mapping[str, Any], network: Any) -> None:
    """Copy tensors into the weights and buffers of the same names."""
    import torch

    with torch.no_grad():
        for name, target in network_tensors(network).items():
            target.copy_(tensors[name])
