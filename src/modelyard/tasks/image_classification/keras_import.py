"""Turns a Keras 3 file into a folder in Hugging Face layout, before it is adopted like any other.

Keras is not needed for it, and nothing in the file is executed: layers and weights are read as data.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats import hugging_face, keras_file
from modelyard.tasks.image_classification.preprocessing import BILINEAR, Preprocessing

COLOURS = 3


def translate(source: Source, folder: Path) -> tuple[Source, Preprocessing]:
    """The source as a folder with config.json and model.safetensors, and how an image becomes its input.

    A Keras file knows no class names: its classes are called 0, 1, …. Networks over grey images take one channel.

    Args:
        source: a ``.keras`` or ``.h5`` file.
        folder: empty; what is written there.

    Raises:
        InputError: code, foreign modules, unknown layers, a damaged file, or a network that takes no images.
    """
    try:
        found = keras_file.read(source.path)
    except InputError as error:
        raise InputError(error.what, expected=error.expected, fix=error.fix, where=source.reference) from error
    shape = found.graph.input_shape
    if len(shape) != COLOURS or shape[2] not in (1, COLOURS):
        raise InputError(
            f"the network takes rows of the shape {tuple(shape)}",
            expected="images of height, width and one or three channels",
            where=source.reference,
        )
    # Here and not above: the network is torch, which reading other sources does not need.
    from modelyard.networks import keras_graph

    layers = [
        keras_graph.with_shapes(layer.to_json(), found.weights.get(layer.name, {})) for layer in found.graph.layers
    ]
    config = keras_graph.config_of(layers, shape)
    hugging_face.set_labels(config, [str(number) for number in range(config.num_labels or 0)])
    network = keras_graph.KerasGraphForImageClassification(config)
    try:
        network.load_keras(found.weights)
        network.try_out()
    except (ValueError, RuntimeError, KeyError, TypeError) as error:
        what = f"the weights and layers do not fit together: {str(error).splitlines()[0]}"
        raise InputError(what, expected="a model that Keras itself can run", where=source.reference) from error
    network.save_pretrained(folder)
    # A model that rescales by itself wants pixels from 0 to 255.
    rescales = any(layer.kind == "Rescaling" for layer in found.graph.layers)
    size = (shape[0], shape[1])
    scale = None if rescales else 1 / 255
    plain = Preprocessing(size, size, BILINEAR, scale, mean=(0.0,) * COLOURS, std=(1.0,) * COLOURS)
    return replace(source, path=folder), plain
