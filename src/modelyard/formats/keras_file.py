"""A Keras 3 model from ``.keras`` or ``.h5``: its layers and weights as data, without Keras.

The kind is told by the content. A ``.keras`` file is a zip of ``config.json`` and ``model.weights.h5``. HDF5 can point
at other files (external links, external and virtual storage): such pointers are refused. Knows no torch.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.formats import keras_layers
from modelyard.formats.keras_layers import Graph

ZIP = b"PK\x03\x04"
HDF5 = b"\x89HDF\r\n\x1a\n"
LARGEST_CONFIG = 64 * 2**20
LARGEST_WEIGHTS = 4 * 2**30
"""Bytes of ``model.weights.h5``, which is read as a whole."""

VARIABLES: Mapping[str, tuple[str, ...]] = {
    "Dense": ("kernel", "bias"),
    "Conv2D": ("kernel", "bias"),
    "DepthwiseConv2D": ("kernel", "bias"),
    "BatchNormalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "LayerNormalization": ("gamma", "beta"),
}
"""Names of a layer's variables in the order of Keras; which of them exist depends on its options."""
_SWITCHES = {"bias": "use_bias", "gamma": "scale", "beta": "center"}


@dataclass(frozen=True)
class KerasFile:
    """Layers, and weights by layer and variable as float32 in Keras' own layout."""

    graph: Graph
    weights: Mapping[str, Mapping[str, np.ndarray]]


def is_keras(path: Path) -> bool:
    """Whether the content is a ``.keras`` archive or an HDF5 file; whether it is sound is another question."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(8)
    if start == HDF5:
        return True
    if not start.startswith(ZIP) or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {"config.json", "metadata.json"} <= set(archive.namelist())


def read(path: Path) -> KerasFile:
    """Read a model whose layers and weights are all on the list of :mod:`keras_layers`.

    Raises:
        InputError: code, foreign modules, pointers to other files, layers that are not known, or a damaged file.
        MissingExtraError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "keras") from None
    with path.open("rb") as file:
        archive = file.read(4) == ZIP
    try:
        if archive:
            config, weights = _open_archive(path)
            graph = keras_layers.read(config)
            with h5py.File(io.BytesIO(weights), "r") as store:
                refuse_pointers(store)
                return KerasFile(graph, _weights_by_place(store, graph))
        with h5py.File(path, "r") as store:
            refuse_pointers(store)
            graph = keras_layers.read(_config_attribute(store))
            return KerasFile(graph, _weights_by_name(store, graph))
    except (OSError, KeyError, zipfile.BadZipFile, RuntimeError, ValueError, TypeError) as error:
        raise InputError(
            f"the Keras model cannot be read: {type(error).__name__}", expected="a whole file that Keras 3 saved"
        ) from error


def _open_archive(path: Path) -> tuple[Any, bytes]:
    """Config and the bytes of the weights."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        wanted = {"config.json": LARGEST_CONFIG, "model.weights.h5": LARGEST_WEIGHTS}
        for name, limit in wanted.items():
            if names.count(name) != 1:
                raise InputError(f"the archive has {names.count(name)} files {name!r}", expected="one")
            size = archive.getinfo(name).file_size
            if size > limit or size > 1000 * max(archive.getinfo(name).compress_size, 1024):
                raise InputError(f"{name} unpacks to {size} bytes", expected=f"{limit} at most, at a sound ratio")
        return parse(archive.read("config.json")), archive.read("model.weights.h5")


def parse(data: bytes | str) -> Any:
    """JSON of a config.

    Raises:
        InputError: it is none, or nested too deep.
    """
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"config.json is not JSON: {type(error).__name__}", expected="what Keras 3 writes") from None


def _config_attribute(store: Any) -> Any:
    found = store.attrs.get("model_config")
    if found is None:
        raise InputError(
            "the HDF5 file holds no model_config: weights without layers",
            expected="a whole model",
            fix="save it with model.save, not save_weights",
        )
    return parse(found)


def refuse_pointers(store: Any) -> None:
    """Every link must be a hard one, every dataset's bytes its own.

    Raises:
        InputError: one that leads to another file.
    """
    import h5py

    waiting, seen = [store], set()
    while waiting:
        group = waiting.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise InputError(f"the file points elsewhere: {name[:80]!r} is a link", expected="a file of its own")
            item = group[name]
            if isinstance(item, h5py.Dataset):
                if item.external or item.is_virtual:
                    raise InputError(f"the data of {name[:80]!r} lie in another file", expected="a file of its own")
            elif isinstance(item, h5py.Group) and item.id not in seen:
                seen.add(item.id)
                waiting.append(item)


def _weights_by_place(store: Any, graph: Graph) -> dict[str, dict[str, np.ndarray]]:
    """As ``.keras`` keeps them: numbered variables at the layer's place."""
    found: dict[str, dict[str, np.ndarray]] = {}
    for layer in graph.layers:
        variables = _variables(layer.kind, layer.options)
        if variables:
            group = store[f"{graph.places[layer.name]}/vars"]
            found[layer.name] = {name: _array(group[str(place)], layer.name) for place, name in enumerate(variables)}
    return found


def _weights_by_name(store: Any, graph: Graph) -> dict[str, dict[str, np.ndarray]]:
    """As ``.h5`` keeps them: below the outermost layer, the inner layer's name and the variable's come last."""
    root = store["model_weights"]
    found: dict[str, dict[str, np.ndarray]] = {}
    for layer in graph.layers:
        variables = _variables(layer.kind, layer.options)
        if variables:
            outer, inner = layer.name.split("/")[0], layer.name.split("/")[-1]
            names = [
                text.decode() if isinstance(text, bytes) else str(text) for text in root[outer].attrs["weight_names"]
            ]
            own = {tuple(name.split(":")[0].split("/")[-2:]): name for name in names}
            found[layer.name] = {name: _array(root[outer][own[inner, name]], layer.name) for name in variables}
    return found


def _texts(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _variables(kind: str, options: Mapping[str, Any]) -> list[str]:
    return [name for name in VARIABLES.get(kind, ()) if options.get(_SWITCHES.get(name, ""), True)]


def _array(dataset: Any, layer: str) -> np.ndarray:
    if dataset.dtype.kind != "f":
        raise InputError(f"weights of {layer!r} are of the type {dataset.dtype}", expected="floating-point numbers")
    return np.asarray(dataset, dtype=np.float32)
