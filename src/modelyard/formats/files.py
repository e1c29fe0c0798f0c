"""The files of a model: which travel along when its weights are written in another format, and how many these are."""

from __future__ import annotations

import shutil
from pathlib import Path

from modelyard.core.model import Model
from modelyard.methods import safetensors_header

WEIGHTS = (".safetensors", ".safetensors.index.json", ".gguf", ".onnx", ".pte", ".tflite", "model.xml", "model.bin")
"""Ends of the names of files that an exported network replaces; the others (tokenizer, templates) go along."""


def copy_all(model: Model, out: Path) -> None:
    """Copy every file of ``model`` into ``out``."""
    for name in model.files:
        _copy(model, name, out)


def copy_companions(model: Model, out: Path) -> None:
    """Copy every file of ``model`` but its weights into ``out``."""
    for name in model.files:
        if not name.endswith(WEIGHTS):
            _copy(model, name, out)


def _copy(model: Model, name: str, out: Path) -> None:
    (out / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(model.path / name, out / name)


def count_weights(model: Model) -> int:
    """Numbers in the safetensors files of a model, by their headers: nothing else is read.

    Raises:
        InputError: a header is not sound.
    """
    count = 0
    for name in model.files:
        if name.endswith(".safetensors"):
            path = model.path / name
            with path.open("rb") as stream:
                count += safetensors_header.check(stream, path.stat().st_size)
    return count
