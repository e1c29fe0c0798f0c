"""The torch runtime: models as they are trained, eagerly, on a CPU or a CUDA device.

Knows how to open any task's network and how to write a trained one; knows no task by name.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from modelyard.core import lookup
from modelyard.core.artifact import MANIFEST
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.core.task import EMBEDDING, EMBEDDING_OUTPUT, EmbeddingTask
from modelyard.formats.files import count_weights


class TorchSession:
    """A network in inference mode: numpy arrays in and out, without a copy on the CPU."""

    def __init__(self, model: Model, device: str, threads: int | None) -> None:
        self._device = resolve_device(device)
        self._threads = threads
        task = lookup.task(model.task)
        network = task.network(model)
        arrays, axes = task.export_example(model)
        outputs = tuple(name for name in axes if name not in arrays)
        if EMBEDDING in task.abilities and cast(EmbeddingTask, task).add_embedding(model, network):
            outputs = (*outputs, EMBEDDING_OUTPUT)
        self._names = tuple(arrays), outputs
        self._network = network.to(self._device).eval()

    @property
    def network(self) -> Any:
        """The torch module on the session's device."""
        return self._network

    @property
    def input_names(self) -> tuple[str, ...]:
        return self._names[0]

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._names[1]

    def run(self, arrays: Arrays) -> Arrays:
        import torch

        # The number of threads belongs to the calling thread, so it is set here and not when opening.
        if self._threads is not None and torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            # torch wants memory that it may write to; np.require copies only where it is not so.
            tensors = {
                name: torch.from_numpy(np.require(array, requirements=["C", "W"])).to(self._device)
                for name, array in arrays.items()
            }
            outputs = self._network(**tensors)
        # numpy has no bfloat16, which is what autocast leaves on chips that compute in it.
        return {
            name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).cpu().numpy()
            for name, tensor in outputs.items()
        }

    def close(self) -> None:
        self._network = None


class Torch:
    """Opens networks for inference; training steps take the network from the task and write it with ``build``."""

    name = "torch"
    abilities = frozenset({"gradients", "conversion", "graph", "forks"})

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> TorchSession:
        """Load the network.

        Args:
            device: ``cpu``, ``cuda``, ``cuda:N``, or ``auto`` for a CUDA device where there is one.

        Raises:
            InputError: the device is not there.
        """
        return TorchSession(model, device, threads)

    def memory_bytes(self, model: Model) -> int:
        """Weights in float32, whatever type the file has."""
        return count_weights(model) * np.dtype(np.float32).itemsize

    def build(self, model: Model, out: Path, **options: Any) -> Mapping[str, Any]:
        """Write a trained network beside the files of ``model``, in Hugging Face layout.

        Args:
            model: gives every file but the weights: tokenizer, templates.
            out: an empty folder.
            network: the trained module; it must offer ``save_pretrained``, as Hugging Face's do.

        Returns:
            the network's own ``settings``, where it has some, and the ``sparsity`` of a model that was thinned.

        Raises:
            InputError: no network is given: this runtime converts no foreign format back to torch.
        """
        network = options.pop("network", None)
        if network is None or options:
            raise InputError(
                f"the torch runtime cannot be converted to from {model.runtime}",
                expected="a model that was never exported",
                fix="start again from the model before its conversion",
            )
        for name in model.files:
            if not name.endswith((".safetensors", ".safetensors.index.json")) and name != MANIFEST:
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(model.path / name, out / name)
        network.save_pretrained(out)
        settings = dict(getattr(network, "settings", {}))
        if "sparsity" in model.settings:
            # Training fills zeros again; what is said of them is said of these weights.
            from modelyard.networks import sparsity

            settings["sparsity"] = sparsity.share(network)
        return settings


def resolve_device(device: str) -> Any:
    """The torch device of that name.

    Raises:
        InputError: no such device, or it is not there.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        resolved = torch.device(device)
    except RuntimeError:
        resolved = torch.device("meta")
    if resolved.type not in ("cpu", "cuda"):
        raise InputError(f"unknown device {device!r}", expected="cpu, cuda, cuda:N or auto")
    if resolved.type == "cuda" and (resolved.index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"the device {device!r} is not there",
            expected=f"cpu, or one of {torch.cuda.device_count()} CUDA devices that torch sees",
            fix="use device cpu, or install the CUDA build of torch and its driver",
        )
    return resolved


RUNTIME = Torch()
