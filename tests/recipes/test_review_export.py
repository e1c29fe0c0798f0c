"""From a person's decision to the next build: published with its provenance, and learned from with its weight."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from modelyard.cli.main import main
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.recipes.build import build
from modelyard.recipes.review_export import export
from modelyard.yard.reviews import Sighting
from modelyard.yard.yard import Yard

ANSWER = {"label": "y", "score": 0.6, "scores": {"n": 0.4, "y": 0.6}}
RECIPE = """\
modelyard: 1
name: plans
task: tabular-classification
data:
  source: SOURCE
  columns: {label: kind, features: [age, size]}
steps: [fit linear, evaluate]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    lines = [f"{n},{n * 7 % 10},{'yn'[n * 7 % 10 > n // 4]}" for n in range(60)]
    (folder / "rows.csv").write_text("\n".join(["age,size,kind", *lines]))
    (folder / "plans.yaml").write_text(RECIPE.replace("SOURCE", "./rows.csv"))
    return folder


@pytest.fixture(scope="module")
def yard(folder: Path) -> Yard:
    yard = Yard(folder / "yard")
    build(folder / "plans.yaml", yard)
    seen = [Sighting("plans", 1, "r", n, "sample", {"age": 100.5 + n, "size": 1.0}, ANSWER) for n in range(3)]
    told = Sighting("plans", 1, "r", 9, "feedback", {"age": 200.5, "size": 1.0}, ANSWER, "n")
    ids, _ = yard.reviews.add([*seen, told])
    for number in ids[:2]:
        yard.reviews.decide(number, "n", "key 17", comment="private")
    return yard


def test_what_was_decided_is_published_with_its_provenance(yard: Yard) -> None:
    made = export(yard, "plans", weight=2.5)
    assert (made.reference, made.rows) == ("plans-review:1", 2)
    assert export(yard, "plans", weight=2.5) == made
    data = yard.data("plans-review")
    first = data.rows("train")[0]
    assert (first["age"], first["label"], first["weight"]) == (100.5, "n", 2.5)
    assert (first["review_by"], first["review_version"], first["review_answer"]) == ("key 17", "plans:1", "y")
    assert data.parents == (yard.model(yard.resolve("plans:1")).digest,)
    assert "private" not in str(first)
    more = export(yard, "plans", weight=2.5, feedback_weight=0.5)
    assert (more.reference, more.rows) == ("plans-review:2", 3)
    assert [row["weight"] for row in yard.data("plans-review:2").rows("train")] == [2.5, 2.5, 0.5]
    assert len(yard.data("plans-review:1").rows("train")) == 2
    assert yard.verify() == []


def test_a_recipe_that_names_it_learns_from_it(yard: Yard, folder: Path) -> None:
    reference = export(yard, "plans", weight=2.5).reference
    recipe = folder / "again.yaml"
    recipe.write_text(RECIPE.replace("SOURCE", f"{{train: ./rows.csv, reviewed: 'yard:{reference}'}}"))
    made = build(recipe, yard)
    data = yard.get(str(made.release.attributes["data"]))
    assert isinstance(data, Dataset)
    added = [row for row in data.rows("train") if row["features"]["age"] > 100]
    assert [(row["label"], row["weight"]) for row in added] == [("n", 2.5), ("n", 2.5)]
    assert {row["weight"] for row in data.rows("train") if row["features"]["age"] < 100} == {1.0}
    rows = [row["row"] for row in data.rows("train")]
    assert len(set(rows)) == len(rows)
    assert all(row["features"]["age"] < 100 for row in data.rows("test"))
    assert made.release.lock["sources"][f"yard:{reference}"]["digest"] == yard.data(reference).digest


def test_what_cannot_be(yard: Yard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    for reference, what in (
        ("plans-reviews", "no dataset"),
        ("plans-review:99", "version 99"),
        ("plans-review@a", "alias"),
    ):
        with pytest.raises(InputError, match=what):
            yard.data(reference)
    with pytest.raises(InputError, match="a weight of -1"):
        export(yard, "plans", weight=-1)
    with pytest.raises(InputError, match="nobody has decided"):
        export(yard, "plans", weight=0)
    monkeypatch.setenv("MODELYARD_HOME", str(yard.home))
    assert main(["review", "export", "plans", "--weight", "3"]) == 0
    assert "yard:plans-review:" in capsys.readouterr().out


def test_the_collector_spares_what_has_a_number(yard: Yard) -> None:
    made = export(yard, "plans", weight=7)
    yard.collect_garbage(older_than=timedelta(0))
    assert yard.data(made.reference).digest == made.digest
    assert yard.verify() == []
