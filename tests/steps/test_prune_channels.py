"""``prune channels`` on tiny networks over images: smaller, opened again, trained, exported; and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny

ROWS = [{"image": tiny.image(kind, seed)} for seed, kind in enumerate(("bright", "dark", "bright", "dark"))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("channels")


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    (folder / "data").mkdir()
    columns = lookup.step("load data").check_options({"columns": {"image": "image", "label": "label"}})
    images = fetch(str(tiny.write_images(folder / "images", 20)))
    loaded = execute(
        lookup.step("load data"), [images, None, None], columns, out=folder / "data", scratch=folder / "scratch"
    )
    assert isinstance(loaded, Dataset)
    return loaded


@pytest.fixture(scope="module")
def model(folder: Path, data: Dataset) -> Model:
    (folder / "model").mkdir()
    source = Source("tiny", tiny.write_vision(folder / "vision"), "", {})
    return lookup.task("image-classification").adopt(source, folder / "model", data=data, seed=0)


def run(name: str, inputs: list[Any], place: Path, **options: Any) -> Model:
    step = lookup.step(name)
    for part in ("out", "scratch"):
        (place / part).mkdir(parents=True, exist_ok=True)
    made = execute(step, inputs, step.check_options(options), out=place / "out", scratch=place / "scratch")
    assert isinstance(made, Model)
    return made


def scores(model: Model) -> list[float]:
    with Predictor(model) as predictor:
        return [answer["scores"]["bright"] for answer in predictor.predict(ROWS)]


def inner_widths(model: Model) -> list[int]:
    network = lookup.task(model.task).network(model)
    return [stage.layers[0].layer[0].convolution.out_channels for stage in network.resnet.encoder.stages]


@pytest.mark.parametrize(
    ("options", "widths"),
    [
        ({"multiple": 4, "scope": "layer"}, [4, 8]),
        ({"multiple": 4, "scope": "layer", "keep": 0.25, "epochs": 1}, [4, 4]),
        ({}, [8, 16]),
    ],
)
def test_the_contract_is_kept_and_every_layer_has_its_width(
    model: Model, data: Dataset, options: dict[str, Any], widths: list[int]
) -> None:
    pruned = check_step("prune channels", [model, data], options)
    assert isinstance(pruned, Model)
    assert inner_widths(pruned) == widths
    assert ("training.json" in pruned.files) == ("epochs" in options)


@pytest.mark.slow
def test_a_pruned_network_is_trained_exported_quantized_and_pruned_again(
    model: Model, data: Dataset, tmp_path: Path
) -> None:
    pruned = run("prune channels", [model, data], tmp_path / "pruned", multiple=1, keep=0.6)
    assert sum(inner_widths(pruned)) == round(0.6 * 24)
    trained = run("finetune", [pruned, data], tmp_path / "trained", epochs=4, learning_rate=0.01)
    sizes = {}
    for name, source in (("whole", model), ("pruned", trained)):
        exported = run("export onnxruntime", [source], tmp_path / name)
        sizes[name] = (exported.path / "model.onnx").stat().st_size
        np.testing.assert_allclose(scores(exported), scores(source), atol=1e-5)
    assert sizes["pruned"] < sizes["whole"]
    quantized = run("quantize static", [trained, data], tmp_path / "int8", rows=20)
    np.testing.assert_allclose(scores(quantized), scores(trained), atol=0.1)
    again = run("prune channels", [trained, data], tmp_path / "again", multiple=1)
    assert sum(inner_widths(again)) == round(0.5 * sum(inner_widths(trained)))


def test_bad_input(model: Model, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no split 'none'"):
        run("prune channels", [model, data], tmp_path, split="none")
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(InputError):
        lookup.step("prune channels").check_options({"keep": 0})


def test_a_network_without_convolutions_is_refused(data: Dataset, tmp_path: Path) -> None:
    import torch
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, image_size=16, patch_size=8
    )
    ViTModel(config).save_pretrained(tmp_path / "vit")
    (tmp_path / "model").mkdir()
    source = Source("vit", tmp_path / "vit", "", {})
    vit = lookup.task("image-classification").adopt(source, tmp_path / "model", data=data, seed=0)
    with pytest.raises(InputError, match="'prune channels' needs 'channels', which this model"):
        run("prune channels", [vit, data], tmp_path / "run")
