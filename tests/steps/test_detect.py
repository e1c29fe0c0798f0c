"""Detectors and adversarial training on tiny data whose answer is known beforehand."""

from __future__ import annotations

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
from modelyard.engines.attacking import hardening
from modelyard.engines.local import execute
from modelyard.engines.training import read_examples
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny


def run(name: str, inputs: list[Artifact | Source | None], folder: Path, **options: Any) -> Artifact:
    step = lookup.step(name)
    for child in ("out", "scratch"):
        (folder / child).mkdir(parents=True)
    return execute(step, inputs, step.check_options(options), out=folder / "out", scratch=folder / "scratch")


def report(made: Artifact) -> Findings:
    assert isinstance(made, Report)
    return made.findings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("detect")


@pytest.fixture(scope="module")
def table(folder: Path) -> Dataset:
    """One feature that is robust and right nine times in ten, and many weak ones that are right together.

    After Tsipras et al. 2019: accuracy is in the weak ones, robustness in the strong one.
    """
    random = np.random.default_rng(0)
    splits = {}
    for name, rows in (("train", 600), ("test", 200)):
        signs = random.choice([-1, 1], rows)
        strong = signs * np.where(random.random(rows) < 0.9, 1, -1) * 1.0
        weak = 0.5 * signs[:, None] + random.normal(size=(rows, 20))
        features = [
            {"strong": float(first), **{f"weak{place}": value for place, value in enumerate(rest)}}
            for first, rest in zip(strong, weak.tolist(), strict=True)
        ]
        labels = np.where(signs > 0, "yes", "no").tolist()
        splits[name] = pa.table({ROW_ID: pa.array(range(rows), pa.int64()), "features": features, "label": labels})
    (folder / "table").mkdir()
    return Dataset.write(folder / "table", splits, parents=[], labels=("no", "yes"))


@pytest.fixture(scope="module")
def start(folder: Path, table: Dataset) -> Model:
    (folder / "start").mkdir()
    task = lookup.task("tabular-classification")
    return task.adopt(fetch("new:mlp?hidden=16"), folder / "start", data=table, seed=0)


@pytest.fixture(scope="module")
def model(folder: Path, table: Dataset, start: Model) -> Model:
    made = run("finetune full", [start, table], folder / "plain", epochs=8, learning_rate=0.01)
    assert isinstance(made, Model)
    return made


@pytest.fixture(scope="module")
def texts(folder: Path) -> Dataset:
    (folder / "texts").mkdir()
    rows = pa.table(
        {
            ROW_ID: pa.array(range(24), pa.int64()),
            "text": list(tiny.TEXTS) * 4,
            "label": list(tiny.LABELS) * 4,
        }
    )
    splits = {"train": rows, "test": rows.slice(0, 12)}
    return Dataset.write(folder / "texts", splits, parents=[], labels=("ham", "spam"))


@pytest.fixture(scope="module")
def text_model(folder: Path, texts: Dataset) -> Model:
    (folder / "encoder").mkdir()
    encoder = Source("tiny", tiny.write_encoder(folder / "tiny"), "sha256:0", {})
    model = lookup.task("text-classification").adopt(encoder, folder / "encoder", data=texts, seed=0)
    made = run("finetune full", [model, texts], folder / "text", epochs=8, batch_size=8, learning_rate=0.003)
    assert isinstance(made, Model)
    return made


def attacked(model: Model, data: Dataset, folder: Path) -> tuple[float, float]:
    found = report(run("attack pgd", [model, data, None], folder, budget=0.5, rows=200)).measures
    before, after = found["unattacked_accuracy"].value, found["robust_accuracy"].value
    assert before is not None
    assert after is not None
    return before, after


def test_adversarial_training_wins_back_what_the_attack_took(
    model: Model, table: Dataset, start: Model, tmp_path: Path
) -> None:
    options = {"budget": 0.5, "epochs": 8, "learning_rate": 0.01, "iterations": 3, "share": 1.0}
    hardened = check_step("finetune adversarial", [start, table], options)
    assert isinstance(hardened, Model)
    before, fallen = attacked(model, table, tmp_path / "plain")
    after, standing = attacked(hardened, table, tmp_path / "hard")
    assert fallen < 0.65 * before
    assert standing > fallen + 0.5 * (before - fallen)
    assert after > 0.85


def test_texts_are_learned_with_edited_copies(text_model: Model, texts: Dataset, tmp_path: Path) -> None:
    options = {"epochs": 1, "budget": 2, "searched": 4, "copies": 2, "learning_rate": 0.003, "batch_size": 8}
    hardened = check_step("finetune adversarial", [text_model, texts], options)
    assert isinstance(hardened, Model)
    assert hardened.labels == text_model.labels
    # 24 rows, two copies of each, and at most four that the search found: nine or ten steps of eight.
    steps = (hardened.path / "training.json").read_text().split('"steps": ')[1]
    assert int(steps.split(",")[0]) in (9, 10)


def test_a_model_without_transforms_takes_those_of_the_data(text_model: Model, texts: Dataset, tmp_path: Path) -> None:
    corrected = run("normalize spelling", [texts], tmp_path / "corrected")
    assert isinstance(corrected, Dataset)
    options = {"epochs": 1, "searched": 2, "batch_size": 8}
    hardened = run("finetune adversarial", [text_model, corrected], tmp_path / "hardened", **options)
    assert isinstance(hardened, Model)
    assert hardened.transforms == corrected.transforms != ()


def test_copies_weigh_what_their_texts_weigh_and_have_the_same_beside_them(
    text_model: Model, texts: Dataset, tmp_path: Path
) -> None:
    """Every other text weighs nothing: neither it nor a copy of it is learned from."""
    given = np.array([0.0 if place % 2 else place + 1.0 for place in range(24)])
    column, focus = pa.array(given, pa.float32()), pa.array(np.full(24, 2.0), pa.float32())
    rows = texts.table("train").append_column("weight", column).append_column("focus", focus)
    weighted = texts.rewrite(tmp_path, {"train": rows, "test": texts.table("test")})
    task = lookup.task(text_model.task)
    examples = read_examples(text_model, weighted, "train", task=task, processor=task.processor(text_model))
    recipe = hardening.Recipe("typos", budget=2, copies=2, searched=4, seed=0)
    more = hardening.with_edited_texts(examples, text_model, weighted, recipe)
    assert more.weights is not None
    assert more.weights[:12].tolist() == given[::2].tolist()
    assert set(more.weights.tolist()) == set(given[::2].tolist())
    assert len(more.beside["focus"]) == len(more.weights) == len(more.encoded) >= 30
    # A copy is one letter or two from a text of that weight: their tokens have the same label.
    labels = {float(weight): int(row["labels"]) for weight, row in zip(given[::2], examples.encoded, strict=True)}
    copies = zip(more.weights[12:], more.encoded[12:], strict=True)
    assert all(int(row["labels"]) == labels[float(weight)] for weight, row in copies)


@pytest.mark.parametrize("name", ["detect squeezing", "detect mahalanobis"])
def test_detectors_of_moved_rows_keep_the_contract(name: str, model: Model, table: Dataset) -> None:
    found = report(check_step(name, [model, table, None], {"budget": 2.0, "rows": 100}))
    area = found.measures["detection_auc"]
    assert area.value is not None
    assert area.low is not None
    assert area.low <= area.value
    assert found.measures[f"detection_auc:{name.split()[1]}"] == area
    assert found.figures[0].diagonal


def test_rows_moved_far_away_are_found_by_their_distance(model: Model, table: Dataset, tmp_path: Path) -> None:
    found = report(run("detect mahalanobis", [model, table, None], tmp_path, budget=3.0, rows=200))
    assert (found.measures["detection_auc"].value or 0) > 0.9


@pytest.mark.parametrize("name", ["detect perplexity", "detect spelling"])
def test_detectors_of_edited_texts_find_what_training_never_saw(name: str, text_model: Model, texts: Dataset) -> None:
    found = report(check_step(name, [text_model, texts], {"rows": 12, "budget": 3}))
    # Every ordinary text was learned from: each edited one surprises more.
    assert found.measures["detection_auc"].value == 1.0
    assert found.measures["detection_rate"].value == 1.0
    assert any("can evade it" in note for note in found.notes)


def test_what_cannot_be_done_is_said(
    model: Model, table: Dataset, text_model: Model, texts: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="raise the budget"):
        run("detect squeezing", [model, table, None], tmp_path / "none", budget=0.0)
    with pytest.raises(InputError, match="attack: 'typos' on tabular-classification"):
        run("finetune adversarial", [model, table], tmp_path / "typos", attack="typos")
    with pytest.raises(InputError, match="attack: 'pgd' on text-classification"):
        run("finetune adversarial", [text_model, texts], tmp_path / "pgd", attack="pgd")
    with pytest.raises(InputError, match="a whole number of words"):
        run("finetune adversarial", [text_model, texts], tmp_path / "half", budget=0.5)
