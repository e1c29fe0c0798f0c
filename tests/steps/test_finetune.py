"""The step ``finetune full``: same weights from the same seed, killed or not, and what it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.core.transform import TransformSpec
from modelyard.engines.local import execute
from modelyard.testing import tiny

STEP = lookup.step("finetune")
OPTIONS = {"epochs": 5, "batch_size": 8, "learning_rate": 0.003}


def write_data(out: Path, train: int = 48, labels: tuple[str, ...] = ("ham", "spam"), **changes: Any) -> Dataset:
    out.mkdir()
    columns = {
        "row": pa.array(range(train), pa.int64()),
        "text": [tiny.TEXTS[number % 6] for number in range(train)],
        "label": [labels[number % 2 - 1] for number in range(train)],
    } | changes.pop("columns", {})
    table = pa.table(columns)
    return Dataset.write(out, {"train": table, "validation": table.slice(0, 12)}, parents=[], labels=labels, **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("finetune")


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    (folder / "model").mkdir()
    encoder = tiny.write_encoder(folder / "encoder")
    task = lookup.task("text-classification")
    return task.adopt(
        Source("tiny", encoder, "sha256:0", {}), folder / "model", data=tiny.labelled("ham", "spam"), seed=0
    )


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    return write_data(folder / "data")


def run(model: Model, data: Dataset, place: Path, **options: Any) -> Model:
    for name in ("out", "scratch"):
        (place / name).mkdir(parents=True, exist_ok=True)
    checked = STEP.check_options(OPTIONS | options)
    result = execute(STEP, [model, data], checked, out=place / "out", scratch=place / "scratch")
    assert isinstance(result, Model)
    return result


@pytest.fixture(scope="module")
def trained(model: Model, data: Dataset, folder: Path) -> Model:
    return run(model, data, folder / "trained")


def test_it_learns_the_texts_and_transformers_can_load_the_result(model: Model, data: Dataset, tmp_path: Path) -> None:
    from transformers import pipeline

    trained = run(model, data, tmp_path, epochs=15)
    with Predictor(trained) as predictor:
        answers = predictor.predict([{"text": text} for text in tiny.TEXTS])
    assert [answer["label"] for answer in answers] == list(tiny.LABELS)
    classify = pipeline("text-classification", model=str(trained.path), device="cpu")
    for answer, text in zip(answers, tiny.TEXTS, strict=True):
        found = classify(text)[0]
        assert found["label"] == answer["label"]
        assert found["score"] == pytest.approx(answer["score"], abs=1e-5)


def test_the_curve_is_kept_for_the_report(trained: Model) -> None:
    curve = json.loads((trained.path / "training.json").read_text())
    assert curve["steps"] == 30
    assert [item["step"] for item in curve["losses"]] == list(range(1, 31))
    assert [item["step"] for item in curve["evaluations"]] == [6, 12, 18, 24, 30]
    assert {"loss", "accuracy"} <= set(curve["evaluations"][0])
    assert curve["settings"]["learning_rate"] == 0.003


def test_the_same_seed_gives_the_same_digest(trained: Model, model: Model, data: Dataset, tmp_path: Path) -> None:
    assert run(model, data, tmp_path / "again").digest == trained.digest
    assert run(model, data, tmp_path / "other", seed=1).digest != trained.digest


KILLED = """
import os, signal, sys
from pathlib import Path
import torch
from modelyard.core import lookup
from modelyard.core.artifact import open_artifact
from modelyard.core.progress import reporting
from modelyard.engines.local import execute

torch.set_num_threads(1)
model, data, place = (Path(name) for name in sys.argv[1:4])
step = lookup.step("finetune full")
options = step.check_options({"epochs": 3, "batch_size": 8, "checkpoint_every": 2, "dropout": 0.2})

def attempt(name, last):
    def die(title, done, total, values):
        if done == last:
            os.kill(os.getpid(), signal.SIGKILL)
    folders = {kind: place / name / kind for kind in ("out", "scratch")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    with reporting(die):
        return execute(step, [open_artifact(model), open_artifact(data)], options, **folders).digest

print(attempt("whole", -1))
for last in (1, 3, 4, 7, 12, 17):
    child = os.fork()
    if child == 0:
        attempt("killed", last)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(attempt("killed", -1))
"""


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_weights(model: Model, data: Dataset, tmp_path: Path) -> None:
    arguments = [str(model.path), str(data.path), str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", KILLED, *arguments], capture_output=True, text=True, check=True)
    whole, *exits, resumed = done.stdout.split()
    assert exits == ["-9"] * 6
    assert resumed == whole


def test_transforms_of_the_data_travel_with_the_model(model: Model, tmp_path: Path) -> None:
    spec = TransformSpec("mask", {"kinds": ["phone"]})
    result = run(model, write_data(tmp_path / "data", transforms=[spec]), tmp_path, epochs=0.2)
    assert result.transforms == (spec,)


def test_a_shorter_limit_is_kept_in_the_model(model: Model, data: Dataset, tmp_path: Path) -> None:
    result = run(model, data, tmp_path, epochs=0.2, max_length=8)
    assert result.settings["max_length"] == 8
    processor = lookup.task(result.task).processor(result)
    assert len(lookup.task(result.task).encode(processor, [{"text": "win " * 20}])[0]["input_ids"]) == 8


def test_the_learning_rate_follows_the_size_unless_told(model: Model, data: Dataset, tmp_path: Path) -> None:
    result = run(model, data, tmp_path, epochs=0.2, learning_rate=None)
    assert json.loads((result.path / "training.json").read_text())["settings"]["learning_rate"] == 1e-3


def test_without_validation_rows_the_last_weights_are_kept(model: Model, data: Dataset, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    alone = Dataset.write(tmp_path / "data", {"train": data.table("train")}, parents=[], labels=data.labels)
    result = run(model, alone, tmp_path / "run")
    curve = json.loads((result.path / "training.json").read_text())
    assert curve["evaluations"] == []
    assert curve["best_step"] == 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": 0}, "has no rows"),
        ({"labels": ("no", "yes")}, "the data have the classes no, yes"),
        ({"columns": {"text": [None] * 48}}, "row 0 of 'train' has no 'text'"),
        ({"columns": {"label": ["ham", None] * 24}}, "row 1 of 'train' has no 'label'"),
        ({"columns": {"weight": [1.0, -1.0] * 24}}, "missing or negative"),
    ],
)
def test_data_that_cannot_be_learned_from(model: Model, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        run(model, write_data(tmp_path / "data", **changes), tmp_path)
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("options", "message"), [({"max_length": 65}, "max_length: 65"), ({"device": "cuda:99"}, "is not there")]
)
def test_options_that_the_model_or_the_machine_cannot_take(
    model: Model, data: Dataset, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(model, data, tmp_path, **options)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"schedule": "wavy"}, {"precision": "fp8"}, {"dropout": 1.0}])
def test_options_out_of_range(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        STEP.check_options(options)
