"""Predictions for files: every format in and out gives what the model says of each row, and a cut run goes on."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from modelyard.cli.main import main
from modelyard.core.predictor import Predictor
from modelyard.recipes.build import build
from modelyard.testing.tiny import LABELS, TEXTS, write_encoder
from modelyard.yard.yard import Yard

TEXT = """
modelyard: 1
name: tiny
task: text-classification
model: ./encoder
data:
  source: ./texts.csv
  columns: {text: message, label: kind}
  split: {train: 0.6, validation: 0.2, test: 0.2, by: label}
steps:
  - finetune: {epochs: 1, batch_size: 8}
"""
TABLE = """
modelyard: 1
name: trees
task: tabular-regression
model: new:mlp?hidden=8
data:
  source: ./trees.csv
  columns: {target: height, features: [age, kind]}
  categorical: [kind]
steps:
  - finetune: {epochs: 2}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A yard with a release for texts and one for tables, and the files that they were made from."""
    folder = tmp_path_factory.mktemp("predict")
    write_encoder(folder / "encoder")
    texts = [f"{text} {number},{label}" for number in range(8) for text, label in zip(TEXTS, LABELS, strict=True)]
    (folder / "texts.csv").write_text("\n".join(["message,kind", *texts]))
    trees = [f"{number},{number % 3},{number * 2.5}" for number in range(60)]
    (folder / "trees.csv").write_text("\n".join(["age,kind,height", *trees]))
    for name, recipe in {"tiny": TEXT, "trees": TABLE}.items():
        (folder / f"{name}.yaml").write_text(recipe)
        build(folder / f"{name}.yaml", Yard(folder / "yard"))
    return folder


@pytest.fixture(autouse=True)
def own_yard(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(folder / "yard"))


def predicted(folder: Path, name: str, rows: list[dict[str, Any]]) -> list[Any]:
    yard = Yard(folder / "yard")
    with Predictor(yard.model(yard.resolve(name))) as predictor:
        return predictor.predict(rows)


def messages(folder: Path) -> list[dict[str, Any]]:
    with (folder / "texts.csv").open() as file:
        return [{"text": row["message"]} for row in csv.DictReader(file)]


def test_a_file_of_texts_in_every_format(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = predicted(folder, "tiny", messages(folder))
    given = ["predict", "tiny", "--input", str(folder / "texts.csv")]
    for ending in ("jsonl", "csv", "parquet"):
        assert main([*given, "--output", str(tmp_path / f"a.{ending}")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert lines == [{"row": row, **item} for row, item in enumerate(expected)]
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == lines
    with (tmp_path / "a.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert [float(row["scores.spam"]) for row in cells] == [item["scores"]["spam"] for item in expected]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.jsonl", "a.parquet"]
    capsys.readouterr()
    assert main(given) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == lines
    assert main([*given, "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert (printed["predictions"], printed["model"], printed["version"]) == (expected, "tiny", "1")


def test_columns_may_have_other_names(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.jsonl").write_text(json.dumps({"body": TEXTS[0]}))
    given = ["predict", "tiny", "--input", str(tmp_path / "b.jsonl"), "--json"]
    assert main(given) == 2
    assert "message" in json.loads(capsys.readouterr().out)["error"]
    assert main([*given, "--columns", "{text: body}"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"] == predicted(folder, "tiny", [{"text": TEXTS[0]}])


def test_rows_of_a_table(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"features": {"age": 7, "kind": "1"}}, {"features": {"age": 0.5, "kind": "2"}}]
    expected = predicted(folder, "trees", rows)
    (tmp_path / "c.csv").write_text("kind,extra,age\n1,x,7\n2,y,0.5\n")
    assert main(["predict", "trees", "--input", str(tmp_path / "c.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"] == expected
    assert main(["predict", "trees", *(json.dumps(row["features"]) for row in rows), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["predictions"] == expected
    assert main(["predict", "trees", "seven"]) == 2
    assert "no JSON object" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["a text", "--input", "texts.csv"], "give one of them"),
        (["a text", "--engine", "ray"], "--engine goes with --input"),
        (["--input", "texts.csv", "--workers", "2"], "with --engine ray"),
        (["--output", "a.csv"], "name a file: --input FILE"),
        (["--input", "texts.csv", "--output", "a.xls"], ".parquet"),
        (["--input", "texts.csv", "--output", "texts.csv"], "there already"),
        (["--input", "texts.csv", "--output", "nowhere/a.csv"], "no folder"),
        (["--input", "none.csv"], "none.csv"),
        (["--input", "texts.csv", "--columns", "[text]"], "a mapping such as"),
    ],
)
def test_mistakes(
    folder: Path,
    words: list[str],
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    before = sorted(path.name for path in folder.iterdir())
    assert main(["predict", "tiny", *words]) == 2
    assert expected in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == before


@pytest.mark.slow
def test_ray_gives_the_answers_of_one_process(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, file in (("tiny", "texts.csv"), ("trees", "trees.csv")):
        given = ["predict", name, "--input", str(folder / file), "--json"]
        found = []
        for more in ([], ["--engine", "ray", "--workers", "2"]):
            assert main([*given, *more]) == 0
            found.append(json.loads(capsys.readouterr().out)["predictions"])
        local, by_ray = found
        assert len(local) == len(by_ray) >= 48
        for one, other in zip(local, by_ray, strict=True):
            assert one.get("label") == other.get("label")
            assert other.get("score", other.get("value")) == pytest.approx(one.get("score", one.get("value")), abs=1e-5)
