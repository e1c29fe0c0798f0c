"""``quantize aware`` on tiny networks over images and texts: the contract, accuracy, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
import torch

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.engines import instructions
from modelyard.engines.calibration import calibration_arrays
from modelyard.engines.local import execute
from modelyard.formats import onnx_graph
from modelyard.networks import fake_quantization, folding
from modelyard.sources import fetch
from modelyard.testing import check_runtime, check_step, check_task, tiny

IMAGES = [{"image": tiny.image(kind, seed)} for seed, kind in enumerate(("bright", "dark", "bright", "dark"))]
TEXTS = [{"text": text} for text in tiny.TEXTS]


def run(name: str, inputs: list[Any], place: Path, **options: Any) -> Any:
    step = lookup.step(name)
    for part in ("out", "scratch"):
        (place / part).mkdir(parents=True, exist_ok=True)
    return execute(step, inputs, step.check_options(options), out=place / "out", scratch=place / "scratch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("aware")


@pytest.fixture(scope="module")
def images(folder: Path) -> Dataset:
    source = fetch(str(tiny.write_images(folder / "images", 20)))
    columns = {"image": "image", "label": "label"}
    loaded = run("load data", [source, None, None], folder / "data", columns=columns)
    assert isinstance(loaded, Dataset)
    return loaded


@pytest.fixture(scope="module")
def network(folder: Path, images: Dataset) -> Model:
    """A ResNet that can tell bright from dark."""
    (folder / "model").mkdir()
    source = Source("tiny", tiny.write_vision(folder / "vision"), "", {})
    model = lookup.task("image-classification").adopt(source, folder / "model", data=images, seed=0)
    trained = run("finetune full", [model, images], folder / "trained", epochs=6, learning_rate=0.01, batch_size=8)
    assert isinstance(trained, Model)
    return trained


@pytest.fixture(scope="module")
def texts(folder: Path) -> Dataset:
    (folder / "texts").mkdir()
    columns = {"row": pa.array(range(24), pa.int64()), "text": tiny.TEXTS * 4, "label": tiny.LABELS * 4}
    table = pa.table(columns)
    return Dataset.write(folder / "texts", {"train": table}, parents=[], labels=["ham", "spam"])


@pytest.fixture(scope="module")
def encoder(folder: Path) -> Model:
    (folder / "encoder model").mkdir()
    source = Source("tiny", tiny.write_encoder(folder / "encoder"), "", {})
    task = lookup.task("text-classification")
    return task.adopt(source, folder / "encoder model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.mark.slow
def test_images_keep_the_contract_and_the_accuracy(network: Model, images: Dataset, tmp_path: Path) -> None:
    aware = check_step("quantize aware", [network, images], {"rows": 10})
    assert isinstance(aware, Model)
    assert aware.runtime == "onnxruntime"
    assert aware.settings["precision"] == "int8"
    assert aware.settings["reduce_range"] == instructions.int8_overflows()
    check_task(aware, IMAGES)
    check_runtime(aware, tolerance=1e-4)
    static = run("quantize static", [network, images], tmp_path / "static", rows=10)
    right = [
        run("evaluate", [model, images], tmp_path / name).findings.measures["accuracy"].value
        for name, model in (("one", aware), ("other", static))
    ]
    assert right[0] >= right[1] >= 0.75
    assert abs(aware.size_bytes - static.size_bytes) < 0.5 * static.size_bytes


@pytest.mark.slow
def test_texts_are_quantized_too_and_their_table_of_words(encoder: Model, texts: Dataset) -> None:
    aware = check_step("quantize aware", [encoder, texts], {"learning_rate": 0.003})
    assert isinstance(aware, Model)
    assert (aware.path / "model.onnx").stat().st_size < 0.7 * (encoder.path / "model.safetensors").stat().st_size
    check_task(aware, TEXTS)
    check_runtime(aware, tolerance=1e-4)


@pytest.mark.parametrize(("reduce_range", "largest"), [("yes", 64), pytest.param("no", 127, marks=pytest.mark.slow)])
def test_weights_stay_within_their_bits(
    network: Model, images: Dataset, tmp_path: Path, reduce_range: str, largest: int
) -> None:
    aware = run("quantize aware", [network, images], tmp_path, rows=4, epochs=0.1, reduce_range=reduce_range)
    graph = onnx.load(aware.path / "model.onnx").graph
    stored = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.data_type == 3]
    weights = [np.abs(array.astype(int)).max() for array in stored if array.ndim > 1]
    assert len(weights) == 7  # the stem, four in the blocks, a shortcut, and the head
    assert set(weights) == {largest}


@pytest.mark.parametrize("kind", ["images", pytest.param("texts", marks=pytest.mark.slow)])
def test_the_exported_graph_answers_as_the_rounding_network(
    network: Model, images: Dataset, encoder: Model, texts: Dataset, tmp_path: Path, kind: str
) -> None:
    model, data = (network, images) if kind == "images" else (encoder, texts)
    task = lookup.task(model.task)
    rounding = task.network(model)
    example = {name: torch.from_numpy(array) for name, array in task.export_example(model)[0].items()}
    folding.fold_batch_norms(rounding, example)
    fake_quantization.prepare(rounding, limit=64)
    drawn = calibration_arrays(model, data, split="train", rows=12, seed=0)
    rows = [{name: torch.from_numpy(array) for name, array in row.items()} for row in drawn]
    with torch.no_grad():
        whole = torch.cat([rounding.eval()(**row).logits for row in rows]).numpy()
        fake_quantization.observe(rounding, rows)
        expected = torch.cat([rounding(**row).logits for row in rows]).numpy()
    fake_quantization.to_stored(rounding)
    onnx_graph.write(onnx_graph.export(model, rounding), tmp_path / "model.onnx")
    import onnxruntime

    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    found = np.concatenate([session.run(None, dict(row))[0] for row in drawn])
    lost, off = np.abs(expected - whole).max(), np.abs(found - expected).max()
    assert lost > 0
    assert off <= max(lost, 0.01 * np.abs(whole).max())


def test_bad_input(encoder: Model, texts: Dataset, tmp_path: Path) -> None:
    (tmp_path / "generator").mkdir()
    source = Source("tiny", tiny.write_causal(tmp_path / "causal"), "", {})
    generator = lookup.task("text-generation").adopt(source, tmp_path / "generator", data=None, seed=0)
    with pytest.raises(InputError, match="a model that generates"):
        run("quantize aware", [generator, texts], tmp_path / "run")
    (tmp_path / "empty").mkdir()
    empty = texts.rewrite(tmp_path / "empty", {"train": texts.table("train")[:0]})
    with pytest.raises(InputError, match="has no rows"):
        run("quantize aware", [encoder, empty], tmp_path / "run")
    assert not list((tmp_path / "run" / "out").iterdir())
