"""Which files of a model travel along when its weights are written in another format."""

from __future__ import annotations

import shutil
from pathlib import Path

from modelyard.core.model import Model

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
