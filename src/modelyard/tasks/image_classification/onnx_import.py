"""Takes over a foreign ONNX graph from images to classes.

Its one input holds pixels, channels first or last, coloured or grey. Knows how pixels are prepared from
``preprocessor_config.json``, from the user, or by assumption.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.task import Hints
from modelyard.formats import hugging_face, onnx_adoption, onnx_source
from modelyard.formats.onnx_rewiring import BATCH, Port, Rewiring
from modelyard.tasks.image_classification import adoption
from modelyard.tasks.image_classification.preprocessing import FILE, IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from modelyard.tasks.image_classification.processor import INPUT, Processor

COLOURS = 3
MOST_ROWS, LEAST_ROWS, PIXEL_BUDGET = 16, 3, 1_000_000
"""Images of noise that the graph is tried on: as many as have so many pixels together."""
LARGEST_SIDE = 2048
USUAL_SIDE = 224
"""Of the images of a graph that takes any size and says none."""
ZERO, ONE = (0.0,) * COLOURS, (1.0,) * COLOURS
SCALES: dict[str, tuple[float | None, tuple[float, ...], tuple[float, ...]]] = {
    "0..1": (1 / 255, ZERO, ONE),
    "-1..1": (1 / 255, (0.5,) * COLOURS, (0.5,) * COLOURS),
    "0..255": (None, ZERO, ONE),
    "imagenet": (1 / 255, IMAGENET_MEAN, IMAGENET_STD),
}
"""Name → factor on the values 0 to 255, mean, deviation."""


def adopt(source: Source, out: Path, *, task: str, data: Dataset | None, hints: Hints) -> Model:
    """Write graph and preprocessing to ``out`` and seal the model.

    Raises:
        InputError: files that are refused, or a graph that takes no images.
    """
    with onnx_adoption.naming(source):
        graph = onnx_source.read(source)
        rewiring = Rewiring(graph)
        port, channels, is_last = _image_port(rewiring)
        prepared, assumed = _preprocessing(source, port, channels, is_last, hints)
        _connect(rewiring, port, channels, is_last, prepared.size)
        height, width = prepared.size
        rows = min(MOST_ROWS, max(LEAST_ROWS, PIXEL_BUDGET // (height * width)))
        arrays = Processor(prepared, ()).synthetic(rows)
        labels, found = onnx_adoption.write_classifier(
            graph, rewiring, arrays, out, hints=hints, own=_own_labels(source), data=data
        )
    adoption.write_preprocessing(prepared, out)
    return onnx_adoption.seal(source, out, graph, task=task, labels=labels, settings={}, assumed=[assumed, *found])


def _image_port(rewiring: Rewiring) -> tuple[Port, int, bool]:
    """The input, its number of channels, and whether they are its last axis."""
    ports = rewiring.ports
    if len(ports) == 1 and len(ports[0].shape) == 4:
        _, second, _, last = ports[0].shape
        for channels, is_last in ((second, False), (last, True)):
            sides = ports[0].shape[1:3] if is_last else ports[0].shape[2:4]
            if channels in (1, COLOURS) and all(side is None or 0 < side <= LARGEST_SIDE for side in sides):
                return ports[0], channels, is_last
    shapes = ", ".join(f"{port.name} {port.shape}" for port in ports)
    raise InputError(
        f"its inputs are {shapes or 'none'}",
        expected="one input of images: rows, one or three channels, height and width (or channels last), each side "
        f"at most {LARGEST_SIDE}",
    )


def _preprocessing(source: Source, port: Port, channels: int, is_last: bool, hints: Hints) -> tuple[Preprocessing, str]:
    """How an image becomes the input, and what was assumed of it."""
    from onnx import TensorProto

    height, width = port.shape[1:3] if is_last else port.shape[2:4]
    if source.path.is_dir() and (source.path / FILE).is_file() and hints.pixels == "auto":
        found = adoption.read_preprocessing(source, None)
        if (height or found.size[0], width or found.size[1]) != found.size:
            raise InputError(
                f"{FILE} prepares images of {found.size[0]} × {found.size[1]}, the graph takes {height} × {width}",
                expected="the same size",
            )
        return found, f"pixels as {FILE} says"
    size = (height or USUAL_SIDE, width or USUAL_SIDE)
    name, reason = hints.pixels, "as told"
    if hints.pixels == "auto":
        is_whole = port.type in (TensorProto.UINT8, TensorProto.INT32, TensorProto.INT64)
        name = "0..255" if is_whole else "0..1" if is_last or channels == 1 else "imagenet"
        reason = "assumed; say pixels: if it was trained on others"
    factor, mean, deviation = SCALES[name]
    plain = replace(Preprocessing(size, size), scale=factor, mean=mean, std=deviation)
    return plain, f"pixels {name} in images squeezed to {size[0]} × {size[1]}: {reason}"


def _connect(rewiring: Rewiring, port: Port, channels: int, is_last: bool, size: tuple[int, int]) -> None:
    from onnx import TensorProto

    value = rewiring.input(INPUT, TensorProto.FLOAT, [BATCH, COLOURS, *size])
    if channels == 1:
        # The mean of three equal channels is the grey of a grey image.
        parts = []
        for place in range(COLOURS):
            ends = (rewiring.constant([place]), rewiring.constant([place + 1]), rewiring.constant([1]))
            parts.append(rewiring.before("Slice", [value, *ends]))
        value = rewiring.before("Mean", parts)
    if is_last:
        value = rewiring.before("Transpose", [value], perm=[0, 2, 3, 1])
    if port.type != TensorProto.FLOAT:
        value = rewiring.before("Cast", [value], to=port.type)
    rewiring.connect(port, value)


def _own_labels(source: Source) -> tuple[str, ...]:
    if not source.path.is_dir() or not (source.path / "config.json").is_file():
        return ()
    return hugging_face.named_classes(hugging_face.read_any_config(source, layout="config.json, model.onnx"))
