"""Foreign models are judged by content before a task opens them (fault list, cases 1, 2, 4, 6)."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.core.transform import TransformSpec
from modelyard.engines.local import execute
from modelyard.sources import fetch
from modelyard.testing.tiny import LABELS, TEXTS, write_encoder


class Planted:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return open, (str(self.trace), "w")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture
def folder(encoder: Path, tmp_path: Path) -> Path:
    """A copy of the tiny encoder that a test may spoil."""
    shutil.copytree(encoder, tmp_path / "model")
    return tmp_path / "model"


def write_data(out: Path) -> Dataset:
    out.mkdir()
    table = pa.table({ROW_ID: range(len(TEXTS)), "text": TEXTS, "label": LABELS})
    spec = TransformSpec("mask", {"kinds": ["phone"], "roles": ["text"]})
    return Dataset.write(out, {"train": table}, parents=[], labels=["ham", "spam"], transforms=[spec])


def adopt(source: Source, out: Path, data: Dataset | None = None, task: str = "text-classification") -> Model:
    step = lookup.step("load model")
    out.mkdir()
    model = execute(step, [source, data], step.check_options({"task": task}), out=out, scratch=out)
    assert isinstance(model, Model)
    return model


def refused(path: Path, tmp_path: Path) -> str:
    with pytest.raises(InputError) as caught:
        adopt(fetch(str(path)), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    return str(caught.value)


def test_the_data_give_classes_parent_and_transforms(folder: Path, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data")
    model = adopt(fetch(str(folder)), tmp_path / "out", data)
    model.verify()
    assert model.parents == (data.digest,)
    assert model.labels == ("ham", "spam")
    assert model.transforms == data.transforms


def test_an_unknown_task_says_so(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="text-classification"):
        adopt(fetch(str(folder)), tmp_path / "out", task="text-clasification")


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "weights.joblib"])
def test_a_pickle_alone_is_refused_and_not_opened(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(pickle.dumps(Planted(tmp_path / "trace")))
    said = refused(folder, tmp_path)
    assert "no weights that are safe to load" in said
    assert name in said
    assert not (tmp_path / "trace").exists()


def test_a_pickle_is_known_by_content_whatever_its_name(folder: Path, tmp_path: Path) -> None:
    weights = folder / "model.safetensors"
    for protocol in (2, 4):
        weights.write_bytes(pickle.dumps(Planted(tmp_path / "trace"), protocol=protocol))
        assert "model.safetensors is a pickle" in refused(folder, tmp_path)
        shutil.rmtree(tmp_path / "out")
    weights.write_bytes(pickle.dumps(Planted(tmp_path / "trace"), protocol=0))
    assert "not a sound safetensors file" in refused(folder, tmp_path)
    shutil.rmtree(tmp_path / "out")
    np.savez(tmp_path / "arrays", a=np.ones(3))
    shutil.copy(tmp_path / "arrays.npz", weights)
    assert "model.safetensors is a zip archive" in refused(folder, tmp_path)
    assert not (tmp_path / "trace").exists()


def test_a_pickle_beside_safe_weights_is_ignored(folder: Path, tmp_path: Path) -> None:
    (folder / "training_args.bin").write_bytes(pickle.dumps(Planted(tmp_path / "trace")))
    model = adopt(fetch(str(folder)), tmp_path / "out", write_data(tmp_path / "data"))
    assert "training_args.bin" not in model.files
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_model_with_code_of_its_own_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    config = json.loads((folder / name).read_text())
    config["auto_map"] = {"AutoModel": "modeling.Model"}
    (folder / name).write_text(json.dumps(config))
    (folder / "modeling.py").write_text(f"open({str(tmp_path / 'trace')!r}, 'w')")
    said = refused(folder, tmp_path)
    assert "auto_map" in said
    assert "modeling.py" in said
    assert not (tmp_path / "trace").exists()


def test_damaged_weights_are_refused_before_they_are_opened(folder: Path, tmp_path: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    assert "model.safetensors: not a sound safetensors file: its tensors end at byte" in refused(folder, tmp_path)


def test_a_damaged_gguf_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(b"GGUF" + b"\xff" * 40)
    assert "model.gguf: not a sound GGUF file" in refused(path, tmp_path)


def test_real_files_pass(minilm: Source, smollm: Source) -> None:
    from modelyard.steps.load._inspection import inspect

    for source in (minilm, smollm):
        inspect(source)
