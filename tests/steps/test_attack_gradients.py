"""Attacks by gradient on tiny images and tables: the contract, what ships as judge, and the toolbox's same numbers."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings, Report
from modelyard.core.source import Source
from modelyard.engines.attacking import gradients
from modelyard.engines.local import execute
from modelyard.formats import image_file
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny
from modelyard.testing.art import art_classifier

Make = Callable[[str], tuple[Model, Dataset]]


def run(name: str, inputs: list[Artifact | Source | None], folder: Path, **options: Any) -> Artifact:
    step = lookup.step(name)
    for child in ("out", "scratch"):
        (folder / child).mkdir(parents=True)
    return execute(step, inputs, step.check_options(options), out=folder / "out", scratch=folder / "scratch")


def attack(name: str, inputs: list[Artifact | Source | None], folder: Path, **options: Any) -> Findings:
    made = run(f"attack {name}", inputs, folder, **options)
    assert isinstance(made, Report)
    return made.findings


def write_table(folder: Path) -> Dataset:
    """Two clouds of numbers, and a category that says nothing."""
    random = np.random.default_rng(0)
    splits = {}
    for name, rows in (("train", 120), ("test", 60)):
        labels = random.integers(0, 2, rows)
        numbers = random.normal(size=(rows, 3)) + 2.0 * labels[:, None]
        features = [
            {"a": row[0], "b": row[1], "c": row[2], "kind": kind}
            for row, kind in zip(numbers.tolist(), random.choice(["x", "y"], rows).tolist(), strict=True)
        ]
        classes = ["yes" if label else "no" for label in labels]
        splits[name] = pa.table({ROW_ID: pa.array(range(rows), pa.int64()), "features": features, "label": classes})
    folder.mkdir(parents=True)
    return Dataset.write(folder, splits, parents=[], labels=("no", "yes"))


def write_images(folder: Path) -> Dataset:
    splits = {}
    for name, first, rows in (("train", 0, 24), ("test", 100, 12)):
        kinds = ["bright" if row % 2 else "dark" for row in range(rows)]
        images = [tiny.image(kind, first + row) for row, kind in enumerate(kinds)]
        splits[name] = pa.table({ROW_ID: pa.array(range(rows), pa.int64()), "image": images, "label": kinds})
    folder.mkdir(parents=True)
    return Dataset.write(folder, splits, parents=[], labels=("bright", "dark"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Make:
    """A trained model of a kind and its data; each is made once."""
    known: dict[str, tuple[Model, Dataset]] = {}
    folder = tmp_path_factory.mktemp("gradients")

    def make(kind: str) -> tuple[Model, Dataset]:
        if kind not in known:
            place = folder / kind
            data = write_table(place / "data") if kind == "table" else write_images(place / "data")
            (place / "new").mkdir()
            if kind == "table":
                source = fetch("new:mlp?hidden=16")
            else:
                source = Source("tiny", tiny.write_vision(place / "vision"), "sha256:0", {})
            task = lookup.task("tabular-classification" if kind == "table" else "image-classification")
            start = task.adopt(source, place / "new", data=data, seed=0)
            options = {"epochs": 20 if kind == "table" else 10, "batch_size": 8, "learning_rate": 0.01}
            model = run("finetune full", [start, data], place / "trained", **options)
            assert isinstance(model, Model)
            known[kind] = model, data
        return known[kind]

    return make


@pytest.mark.parametrize("kind", ["table", "image"])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("attack fgsm", {}),
        ("attack pgd", {"iterations": 5, "norm": "l2", "budget": 1.0}),
        ("attack cw", {"iterations": 5, "searches": 2}),
        ("attack patch", {"iterations": 5}),
    ],
)
def test_every_attack_keeps_the_contract(name: str, options: dict[str, Any], kind: str, made: Make) -> None:
    model, data = made(kind)
    report = check_step(name, [model, data, None], {"rows": 10, **options})
    assert isinstance(report, Report)
    measures = report.findings.measures
    before, after = measures["unattacked_accuracy"].value, measures["robust_accuracy"].value
    assert before is not None
    assert after is not None
    assert after <= before
    assert measures["robust_accuracy"].n == 10


def test_a_turned_image_is_drawn_before_and_after_and_the_change(made: Make, tmp_path: Path) -> None:
    model, data = made("image")
    found = attack("pgd", [model, data, None], tmp_path / "out", budget=1.0)
    drawn = [figure for figure in found.figures if figure.kind == "image"]
    assert drawn
    row = int(drawn[0].title.removeprefix("Row ").split(":")[0])
    pixels = np.asarray(image_file.decode(base64.b64decode(drawn[0].picture)))
    height, gap = pixels.shape[0], max(1, pixels.shape[0] // 20)
    before, after, change = (pixels[:, start : start + height] for start in np.arange(3) * (height + gap))
    space = lookup.task(model.task).space(lookup.task(model.task).processor(model))  # type: ignore[attr-defined]
    values = gradients.read_values(model, data, "test", space)
    own = values.values[values.numbers.tolist().index(row)].transpose(1, 2, 0)
    np.testing.assert_array_equal(before, np.rint(own * 255).astype(np.uint8))
    moved = after.astype(int) - before
    np.testing.assert_allclose(change, 127.5 + 127.5 * moved / np.abs(moved).max(), atol=1)


@pytest.mark.parametrize("kind", ["table", "image"])
def test_nothing_is_changed_for_nothing_and_enough_turns_every_answer(kind: str, made: Make, tmp_path: Path) -> None:
    model, data = made(kind)
    none = attack("pgd", [model, data, None], tmp_path / "none", budget=0.0)
    assert none.measures["robust_accuracy"].value == none.measures["unattacked_accuracy"].value
    everything = attack("pgd", [model, data, None], tmp_path / "all", budget=8.0 if kind == "table" else 1.0)
    assert everything.measures["robust_accuracy"].value == 0.0
    assert everything.measures["attack_success"].value == 1.0


def test_categories_stay_and_moves_have_names(made: Make, tmp_path: Path) -> None:
    model, data = made("table")
    found = attack("patch", [model, data, None], tmp_path, budget=0.4)
    moves = " ".join(str(row[-1]) for row in found.tables[1].rows)
    assert "kind" not in moves
    assert any(name in moves for name in ("a ", "b ", "c "))


@pytest.mark.parametrize("kind", ["table", "image"])
def test_the_toolbox_counts_the_same(kind: str, made: Make, tmp_path: Path) -> None:
    from art.attacks.evasion import FastGradientMethod, ProjectedGradientDescent

    model, data = made(kind)
    epsilon = 0.8 if kind == "table" else 32 / 255
    estimator, values, targets = art_classifier(model, data)
    right = estimator.predict(values).argmax(1) == targets
    free = np.array([True, True, True, False, False]) if kind == "table" else np.ones(1, dtype=bool)
    options = {"eps": epsilon, "norm": np.inf}
    attacks = {
        "fgsm": FastGradientMethod(estimator, **options),
        "pgd": ProjectedGradientDescent(estimator, eps_step=epsilon / 4, max_iter=10, verbose=False, **options),
    }
    for name, theirs in attacks.items():
        mask = np.broadcast_to(free, values.shape).astype(np.float32)
        moved = theirs.generate(values, targets, mask=mask)
        standing = right & (estimator.predict(moved).argmax(1) == targets)
        extra = {"random_start": False, "iterations": 10, "step_size": epsilon / 4} if name == "pgd" else {}
        ours = attack(name, [model, data, None], tmp_path / name, budget=epsilon, **extra)
        assert ours.measures["unattacked_accuracy"].value == right.mean()
        assert ours.measures["robust_accuracy"].value == standing.mean()
        assert standing.mean() < right.mean()


def test_a_converted_model_judges_what_was_found_on_its_source(made: Make, tmp_path: Path) -> None:
    model, data = made("table")
    converted = run("export onnxruntime", [model], tmp_path / "onnx")
    assert isinstance(converted, Model)
    with pytest.raises(InputError, match="give the model before its conversion as base"):
        attack("pgd", [converted, data, None], tmp_path / "refused")
    found = attack("pgd", [converted, data, model], tmp_path / "judged", budget=0.8)
    assert any("before its conversion" in note for note in found.notes)
    own = attack("pgd", [model, data, None], tmp_path / "own", budget=0.8)
    value, reference = (item.measures["robust_accuracy"].value for item in (found, own))
    assert value == pytest.approx(reference, abs=0.05)


def test_what_cannot_be_attacked_is_said(made: Make, tmp_path: Path) -> None:
    model, data = made("table")
    with pytest.raises(InputError, match="no split 'holdout'"):
        attack("fgsm", [model, data, None], tmp_path / "one", split="holdout")
    with pytest.raises(InputError, match="label: 'maybe'"):
        attack("fgsm", [model, data, None], tmp_path / "two", label="maybe")
    texts = tmp_path / "texts"
    texts.mkdir()
    encoder = Source("tiny", tiny.write_encoder(tmp_path / "encoder"), "sha256:0", {})
    text_model = lookup.task("text-classification").adopt(encoder, texts, data=tiny.labelled("no", "yes"), seed=0)
    with pytest.raises(InputError, match="needs 'continuous'"):
        attack("pgd", [text_model, data, None], tmp_path / "three")
    with pytest.raises(InputError, match="attack typos"):
        art_classifier(text_model, data)
