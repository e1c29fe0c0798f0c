"""Attacks on texts, and the folding that undoes some of them, on a tiny model that has learned its texts by heart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Findings, Report
from modelyard.core.source import Source
from modelyard.core.transform import TransformSpec
from modelyard.engines.local import execute
from modelyard.testing import check_step, tiny

LABELS = ("ham", "spam")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("attack")


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    (folder / "data").mkdir()
    rows = range(48)
    table = pa.table(
        {
            ROW_ID: pa.array(rows, pa.int64()),
            "text": [tiny.TEXTS[row % 6] for row in rows],
            "label": [tiny.LABELS[row % 6] for row in rows],
        }
    )
    splits = {"train": table, "test": table.slice(0, 12)}
    return Dataset.write(folder / "data", splits, parents=[], labels=LABELS)


def train(folder: Path, data: Dataset, epochs: int = 8) -> Model:
    for name in ("model", "out", "scratch"):
        (folder / name).mkdir(parents=True)
    encoder = Source("tiny", tiny.write_encoder(folder / "encoder"), "sha256:0", {})
    task = lookup.task("text-classification")
    model = task.adopt(encoder, folder / "model", data=tiny.labelled(*LABELS), seed=0)
    step = lookup.step("finetune full")
    options = step.check_options({"epochs": epochs, "batch_size": 8, "learning_rate": 0.003})
    made = execute(step, [model, data], options, out=folder / "out", scratch=folder / "scratch")
    assert isinstance(made, Model)
    return made


@pytest.fixture(scope="module")
def model(folder: Path, data: Dataset) -> Model:
    return train(folder / "plain", data)


def attack(kind: str, inputs: list[Artifact | Source | None], out: Path, **options: Any) -> Findings:
    step = lookup.step(f"attack {kind}")
    out.mkdir()
    made = execute(step, inputs, step.check_options(options), out=out, scratch=out)
    assert isinstance(made, Report)
    return made.findings


@pytest.mark.parametrize("name", ["attack typos", "attack homoglyphs", "attack words", "attack insert"])
def test_every_attack_keeps_the_contract_and_its_examples_hold(name: str, model: Model, data: Dataset) -> None:
    made = check_step(name, [model, data, None], {"budget": 2, "rows": 6})
    assert isinstance(made, Report)
    found = made.findings
    before, after = found.measures["unattacked_accuracy"].value, found.measures["robust_accuracy"].value
    assert before == 1.0
    assert after is not None
    assert after <= before
    turned = next(table for table in found.tables if table.title == "Answers that turned")
    assert len(turned.rows) == round((before - after) * 6)
    with Predictor(model) as predictor:
        for _, text, edited, answer, wrong in turned.rows:
            found_answers = predictor.predict([{"text": text}, {"text": edited}])
            assert [item["label"] for item in found_answers] == [answer, wrong]


def test_typing_errors_turn_some_answers_and_more_with_more_of_them(
    model: Model, data: Dataset, tmp_path: Path
) -> None:
    found = attack("typos", [model, data, None], tmp_path / "out", budget=8)
    curve = [float(row[1] or 0) for row in found.tables[0].rows]
    assert curve == sorted(curve, reverse=True)
    assert curve[-1] < curve[0]


def test_folding_undoes_every_look_alike(model: Model, data: Dataset, tmp_path: Path, folder: Path) -> None:
    # Enough of them that the model knows no word any more: its answer is the same to every text then.
    bare = attack("homoglyphs", [model, data, None], tmp_path / "bare", budget=40)
    assert bare.measures["robust_accuracy"].value != 1.0
    folded = check_step("normalize characters", [data])
    assert isinstance(folded, Dataset)
    assert folded.transforms == (TransformSpec("normalize", {"roles": ["text"]}),)
    safe = train(folder / "folded", folded)
    for number, rows in enumerate((folded, data)):
        found = attack("homoglyphs", [safe, rows, None], tmp_path / f"safe{number}", budget=8)
        assert found.measures["robust_accuracy"].value == found.measures["unattacked_accuracy"].value == 1.0


def test_correcting_undoes_typing_errors_here_and_in_the_model(
    model: Model, data: Dataset, tmp_path: Path, folder: Path
) -> None:
    bare = attack("typos", [model, data, None], tmp_path / "bare", budget=8)
    corrected = check_step("normalize spelling", [data])
    assert isinstance(corrected, Dataset)
    assert corrected.column("train", "text") == data.column("train", "text")
    (spec,) = corrected.transforms
    assert spec.name == "spelling"
    assert spec.options["known"]["prize"] == sum("prize" in text for text in data.column("train", "text"))
    safe = train(folder / "corrected", corrected)
    found = attack("typos", [safe, data, None], tmp_path / "safe", budget=8)
    before, after = (each.measures["robust_accuracy"].value for each in (bare, found))
    assert before is not None
    assert after is not None
    assert after > before
    with Predictor(safe) as predictor:
        one, other = predictor.predict([{"text": text} for text in ("win a free prize", "win a freee pirze")])
    assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)


def test_a_turned_text_is_drawn_with_its_edits(model: Model, data: Dataset, tmp_path: Path) -> None:
    found = attack("typos", [model, data, None], tmp_path / "out", budget=8)
    drawn = [figure for figure in found.figures if figure.kind == "text"]
    assert len(drawn) == min(6, len(found.tables[1].rows))
    for figure, (row, before, after, old, new) in zip(drawn, found.tables[1].rows, strict=False):
        assert figure.title == f"Row {row}: {old}, after the attack {new}"
        assert "".join(figure.x_names) == f"{before}\n\n{after}"
        gone, come = (
            {word for word, ground in zip(figure.x_names, figure.cells[0], strict=True) if ground == side}
            for side in (1, -1)
        )
        assert gone == set(str(before).split()) - set(str(after).split())
        assert come == set(str(after).split()) - set(str(before).split())


def test_rows_of_one_class_alone(model: Model, data: Dataset, tmp_path: Path) -> None:
    found = attack("words", [model, data, None], tmp_path / "out", label="spam", budget=8)
    assert found.measures["robust_accuracy"].n == 6
    assert {row[3] for row in found.tables[1].rows} <= {"spam"}


def test_what_was_found_on_another_model_counts_only_where_it_turns_this_one(
    model: Model, data: Dataset, tmp_path: Path
) -> None:
    other = train(tmp_path / "other", data, epochs=6)
    found = attack("typos", [model, data, other], tmp_path / "out", budget=8)
    held = len(found.tables[1].rows)
    assert any(f"{held} turn this one" in note for note in found.notes)
    with Predictor(model) as predictor:
        for *_, edited, answer, wrong in found.tables[1].rows:
            assert predictor.predict([{"text": edited}])[0]["label"] == wrong != answer
    same = attack("typos", [model, data, model], tmp_path / "same", budget=8)
    assert same == attack("typos", [model, data, None], tmp_path / "none", budget=8)


def test_what_cannot_be_attacked_is_said(model: Model, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no split 'holdout'"):
        attack("typos", [model, data, None], tmp_path / "one", split="holdout")
    with pytest.raises(InputError, match="label: 'eggs'"):
        attack("typos", [model, data, None], tmp_path / "label", label="eggs")
    with pytest.raises(InputError, match="budget"):
        attack("typos", [model, data, None], tmp_path / "two", budget=0)
    (tmp_path / "data").mkdir()
    table = data.table("test").set_column(2, "label", pa.array([*["spam"] * 11, "eggs"]))
    other = Dataset.write(tmp_path / "data", {"test": table}, parents=[], labels=("eggs", "spam"))
    with pytest.raises(InputError, match="does not know the label 'eggs'"):
        attack("typos", [model, other, None], tmp_path / "three")


def test_normalize_refuses_what_is_no_text(data: Dataset, tmp_path: Path) -> None:
    for name in ("normalize characters", "normalize spelling"):
        refuse(name, data, tmp_path)


def refuse(name: str, data: Dataset, tmp_path: Path) -> None:
    step = lookup.step(name)
    with pytest.raises(InputError, match="'row' holds no text"):
        step.function(data, out=tmp_path, roles=["row"])
    with pytest.raises(InputError, match="no role 'txt'"):
        step.function(data, out=tmp_path, roles=["txt"])
