"""Opens Hugging Face folders, also those of pruned networks, whose layers are smaller than ``config.json`` says.

Reads safetensors and JSON only and runs no code that lies beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError


def load(auto: Any, folder: Path) -> Any:
    """The network in ``folder``, on the CPU in float32 and in evaluation mode.

    A layer whose stored weights have another shape than the configuration gives it takes the stored shape.

    Args:
        auto: a class of transformers with ``from_pretrained``, such as ``AutoModelForCausalLM``.

    Raises:
        InputError: weights are missing, or there are weights that the network has no place for.
    """
    from modelyard.networks import resizing

    with _quiet():
        network, found = read(auto, folder, ignore_mismatched_sizes=True)
    for names, wrong in ((found["missing_keys"], "missing"), (found["unexpected_keys"], "without a place")):
        if names:
            raise InputError(f"{len(names)} weights are {wrong}, such as {min(names)}", where=str(folder))
    other = [name for name, *_ in found["mismatched_keys"]]
    if other:
        resizing.fit(network, _tensors(folder, other))
        network.tie_weights()
    return network.eval()


def read(auto: Any, folder: Path, **how: Any) -> tuple[Any, dict[str, Any]]:
    """The network as transformers reads it, on the CPU in float32, and what was found of its weights."""
    import torch

    # What is not found is drawn at random before it is reported: the caller's random state stays out of it.
    with torch.random.fork_rng(devices=[]):
        network, found = auto.from_pretrained(
            folder,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            output_loading_info=True,
            **how,
        )
    return network, found


def _tensors(folder: Path, names: Iterable[str]) -> dict[str, Any]:
    from safetensors import safe_open

    wanted, tensors = set(names), dict[str, Any]()
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as file:
            tensors |= {name: file.get_tensor(name).float() for name in wanted & set(file.keys())}
    lacking = wanted - set(tensors)
    if lacking:
        raise InputError(f"the weight {min(lacking)} is stored under another name", where=str(folder))
    return tensors


@contextmanager
def _quiet() -> Iterator[None]:
    """transformers logs a table of the layers whose shape is another; here it is meant."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
