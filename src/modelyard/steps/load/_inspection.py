"""Judges foreign model files by their content before anything loads them.

Only weights that cannot carry code pass: safetensors and GGUF with sound headers, Keras files and ONNX graphs, which
are judged as they are read, and checkpoints of ``torch.save`` whose every instruction does no more than rebuild
tensors. Any other pickle is refused where it would be the only weights, and ignored beside safe ones.
"""

from __future__ import annotations

import json
from pathlib import Path

from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats import keras_file, onnx_source, saved_model
from modelyard.methods import gguf_header, safetensors_header, torch_checkpoint

LARGEST_CONFIG = 64 * 2**20

_FIX = "give .safetensors or .gguf; convert a pickle that you trust elsewhere, with safetensors.torch.save_file"


def inspect(source: Source) -> int:
    """Check a model's file or folder.

    Returns:
        How many numbers its weights are, as the headers say; in a folder, those of the files that lie on top.

    Raises:
        InputError: it brings code, has no safe weights, or a file is not what its name says.
    """
    if source.path.is_file():
        files = [source.path]
    else:
        files = sorted(file for file in source.path.rglob("*") if file.is_file())
        _refuse_code(files, source.reference)
    weights = [file for file in files if _is_weights(file)]
    numbers = {file: _check_weights(file) for file in weights}
    is_read_as_data = (
        keras_file.is_keras(source.path)
        or saved_model.is_saved_model(source.path)
        or onnx_source.find(source.path) is not None
    )
    if not weights and not is_read_as_data and not _check_checkpoints(files):
        found = [file.name for file in files if _kind(file) or file.suffix in (".bin", ".pt", ".pth", ".ckpt")]
        raise InputError(
            "no weights that are safe to load" + (f"; there are {', '.join(found[:5])}" if found else ""),
            expected="*.safetensors, *.gguf, *.onnx, a Keras file, or a checkpoint of torch.save with tensors only",
            fix=_FIX,
            where=source.reference,
        )
    return sum(count for file, count in numbers.items() if file.parent in (source.path, source.path.parent))


def _check_checkpoints(files: list[Path]) -> bool:
    """Whether there are checkpoints; each is seen to hold tensors only."""
    checkpoints = 0
    for file in files:
        with file.open("rb") as stream:
            if not torch_checkpoint.is_checkpoint(stream):
                continue
            checkpoints += 1
            try:
                torch_checkpoint.check(stream)
            except InputError as error:
                raise InputError(
                    f"{file.name} is not safe to load: {error.what}", expected=error.expected, fix=error.fix
                ) from None
    return checkpoints > 0


def _is_weights(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) == gguf_header.MAGIC or file.suffix in (".safetensors", ".gguf")


def _check_weights(file: Path) -> int:
    disguise = _kind(file)
    if disguise:
        raise InputError(f"{file.name} is {disguise}", expected="what its name says", fix=_FIX)
    with file.open("rb") as stream:
        is_gguf = stream.read(4) == gguf_header.MAGIC or file.suffix == ".gguf"
        stream.seek(0)
        try:
            check = gguf_header.check if is_gguf else safetensors_header.check
            return check(stream, file.stat().st_size)
        except InputError as error:
            raise InputError(error.what, expected=error.expected, fix=error.fix, where=file.name) from None


def _kind(file: Path) -> str:
    """What a file is that may carry code, by its first bytes; empty for anything else."""
    with file.open("rb") as stream:
        start = stream.read(12)
    if start[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05") and start[2:8] != bytes(6):
        return "a pickle"
    signatures = {
        b"PK\x03\x04": "a zip archive (as torch.save writes, with a pickle inside)",
        b"\x93NUMPY": "a NumPy file",
        b"\x89HDF\r\n\x1a\n": "an HDF5 file",
    }
    return next((kind for signature, kind in signatures.items() if start.startswith(signature)), "")


def _refuse_code(files: list[Path], reference: str) -> None:
    scripts = [file.name for file in files if file.suffix == ".py"]
    for file in files:
        if scripts and file.suffix == ".json" and file.stat().st_size <= LARGEST_CONFIG and _has_auto_map(file):
            raise InputError(
                f"the model brings its own code: auto_map in {file.name}, and {scripts[0]}",
                expected="an architecture that transformers has itself",
                fix="use a model without custom code; remote code is never run",
                where=reference,
            )


def _has_auto_map(file: Path) -> bool:
    try:
        config = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "auto_map" in config
