"""The image classifier against transformers itself, and what it refuses."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.networks import resnet
from modelyard.sources import fetch
from modelyard.tasks.image_classification import TASK, preprocessing
from modelyard.testing import check_runtime, check_step, check_task, tiny

ROWS = [{"image": tiny.image(kind, seed)} for seed, kind in enumerate(("bright", "dark", "bright", "dark"))]
PROCESSORS = {
    "ViT": {"image_processor_type": "ViTImageProcessor", "size": {"height": 32, "width": 24}},
    "ConvNext": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 32}},
    "large ConvNext": {"image_processor_type": "ConvNextImageProcessor", "size": {"shortest_edge": 384}},
    "Bit": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 33}, "crop_size": 28},
    "padded": {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 20}, "crop_size": 28},
    "no scaling": {"image_processor_type": "ViTImageProcessor", "size": 16, "do_rescale": False, "do_normalize": False},
}


def source(path: Path) -> Source:
    return Source(str(path), path, "sha256:0", {})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_vision(tmp_path_factory.mktemp("vision"))


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Model:
    out = tmp_path_factory.mktemp("model")
    return TASK.adopt(source(folder), out, data=tiny.labelled("bright", "dark"), seed=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    images = tiny.write_images(tmp_path_factory.mktemp("data") / "images", 20)
    columns = {"columns": {"image": "image", "label": "label"}}
    loaded = check_step("load data", [fetch(str(images)), None, None], columns)
    assert isinstance(loaded, Dataset)
    return loaded


def test_the_contract_is_kept(model: Model) -> None:
    assert model.task == "image-classification"
    check_task(model, ROWS)
    check_runtime(model)


@pytest.mark.parametrize("name", PROCESSORS)
@pytest.mark.parametrize("shape", [(57, 40), (30, 61)])
def test_preprocessing_equals_that_of_transformers(tmp_path: Path, name: str, shape: tuple[int, int]) -> None:
    from transformers import AutoImageProcessor

    (tmp_path / preprocessing.FILE).write_text(json.dumps(PROCESSORS[name]))
    theirs = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    whole = json.loads(json.dumps(theirs.to_dict(), default=lambda value: getattr(value, "value", str(value))))
    ours = preprocessing.read_config(whole)
    data = tiny.image("bright", 1, height=shape[0], width=shape[1])
    expected = theirs(Image.open(io.BytesIO(data)), return_tensors="np")["pixel_values"]
    found = ours.normalize(ours.pixels(data)[None])
    assert found.shape == np.shape(expected)
    assert found == pytest.approx(np.asarray(expected), abs=1e-4)
    # What is written down is read the same, by us and by transformers.
    (tmp_path / preprocessing.FILE).write_text(json.dumps(ours.to_config()))
    again = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert preprocessing.load(tmp_path, None).normalize(ours.pixels(data)[None]) == pytest.approx(found)
    image = Image.open(io.BytesIO(data))
    assert np.asarray(again(image, return_tensors="np")["pixel_values"]) == pytest.approx(found, abs=1e-4)


def test_a_processor_that_does_more_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "model")
    odd = {"image_processor_type": "EfficientNetImageProcessor", "size": {"height": 32, "width": 32}}
    (tmp_path / "model" / preprocessing.FILE).write_text(json.dumps(odd))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError, match=preprocessing.FILE):
        TASK.adopt(source(tmp_path / "model"), tmp_path / "out", data=tiny.labelled("a", "b"), seed=0)


def test_grey_colour_palette_alpha_and_base64_are_one_image() -> None:
    grey = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20), dtype=np.uint8))
    wide = Image.fromarray(np.asarray(grey).astype(np.uint16) << 8)
    files = []
    for image in (grey, grey.convert("RGB"), grey.convert("RGBA"), grey.convert("P"), wide):
        file = io.BytesIO()
        image.save(file, "PNG")
        files.append(file.getvalue())
    text = base64.b64encode(files[0]).decode()
    plain = preprocessing.plain(16)
    given: list[bytes | str] = [*files, text, f"data:image/png;base64,{text}"]
    first, *others = [plain.pixels(item) for item in given]
    assert all(np.array_equal(first, other) for other in others)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("http://127.0.0.1/a.png", "not base64"),
        ("data:text/html;base64,AAAA", "is no image"),
        ("data:image/jpeg;base64," + base64.b64encode(tiny.image("dark")).decode(), "is not JPEG"),
        (tiny.image("dark")[:60], "cut off"),
        (tiny.image("dark")[:45] + b"xxxx" + tiny.image("dark")[49:], "cannot be decoded"),
        (12, "of type int"),
    ],
)
def test_images_that_cannot_be_used(model: Model, image: object, words: str) -> None:
    with Predictor(model) as predictor, pytest.raises(InputError, match=words):
        predictor.predict([{"image": image}])


@pytest.mark.parametrize(("name", "numbers"), [("resnet-18", 11_689_512), ("resnet-50", 25_557_032)])
def test_a_new_resnet_is_as_large_as_published(name: str, numbers: int) -> None:
    """Table 1 and the checkpoints of the paper, with a head for a thousand classes."""
    from transformers import ResNetConfig, ResNetForImageClassification

    with torch.device("meta"):
        network = ResNetForImageClassification(ResNetConfig(**{**resnet.ARCHITECTURES[name], "num_labels": 1000}))
    assert sum(weight.numel() for weight in network.parameters()) == numbers


def test_a_new_resnet_depends_on_its_seed_alone(data: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path / "cache"))
    made = check_step("load model", [fetch("new:resnet-18"), data], {"task": TASK.name, "seed": 3})
    (tmp_path / "other").mkdir()
    other = TASK.adopt(fetch("new:resnet-18"), tmp_path / "other", data=data, seed=4)
    assert isinstance(made, Model)
    assert made.settings["image_size"] == 224
    ours, theirs = TASK.network(made).state_dict(), TASK.network(other).state_dict()
    for name in ("resnet.embedder.embedder.convolution.weight", "classifier.1.weight"):
        assert not bool((ours[name] == theirs[name]).any())


@pytest.mark.parametrize(
    ("reference", "labels", "words"),
    [
        ("new:resnet-19", ("a", "b"), "did you mean 'resnet-18'"),
        ("new:mlp", ("a", "b"), "no architecture 'mlp' for this task"),
        ("new:resnet-18?image_size=64", ("a", "b"), "unknown key 'image_size'"),
        ("new:resnet-18", (), "0 classes for a classifier"),
    ],
)
def test_new_networks_that_cannot_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reference: str, labels: tuple[str, ...], words: str
) -> None:
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path / "cache"))
    (tmp_path / "out").mkdir()
    with pytest.raises(InputError) as caught:
        TASK.adopt(fetch(reference), tmp_path / "out", data=tiny.labelled(*labels), seed=0)
    assert words in str(caught.value)
    assert not list((tmp_path / "out").iterdir())


def test_a_head_for_the_same_classes_is_kept(model: Model, tmp_path: Path) -> None:
    for name, labels in (("kept", ("dark", "bright")), ("new", ("a", "b", "c"))):
        (tmp_path / name).mkdir()
        again = TASK.adopt(source(model.path), tmp_path / name, data=tiny.labelled(*labels), seed=5)
        assert again.labels == (model.labels if name == "kept" else labels)
        kept = TASK.network(again).state_dict()["classifier.1.weight"]
        old = TASK.network(model).state_dict()["classifier.1.weight"]
        assert (kept.shape == old.shape and bool((kept == old).all())) == (name == "kept")


def test_training_quantizing_and_judging(model: Model, data: Dataset) -> None:
    options = {"epochs": 6, "batch_size": 8, "learning_rate": 0.01, "image_size": 24}
    trained = check_step("finetune full", [model, data], options)
    assert isinstance(trained, Model)
    assert TASK.processor(trained).preprocessing.size == (24, 24)
    assert "num_batches_tracked" in str(TASK.network(trained).state_dict().keys())
    int8 = check_step("quantize dynamic", [trained])
    assert isinstance(int8, Model)
    check_task(int8, ROWS, tolerance=0.05)
    check_runtime(int8, tolerance=1e-4)
    report = check_step("evaluate", [int8, data])
    assert report.findings.measures["accuracy"].value >= 0.75  # type: ignore[attr-defined]
