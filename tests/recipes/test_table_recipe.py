"""A table with gaps and a rare class, from the file to a release whose answers a server can be held to."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from modelyard.core.predictor import Predictor
from modelyard.recipes.build import build
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import read_recipe
from modelyard.serve.smoke import smoke_of
from modelyard.yard.yard import Yard

RECIPE = """\
modelyard: 1
name: rare
task: tabular-classification
data:
  source: ./rows.csv
  columns: {label: kind, features: [size, age, city]}
  split: {train: 0.7, validation: 0, test: 0.3, by: label}
  missing: keep
steps:
STEPS
  - evaluate
require:
  f1_macro: ">= 0.5"
"""
FILLED = ["impute indicator", "impute iterative", "scale robust", "balance smote", "fit linear"]


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two hundred rows, every tenth of them large and rare, with gaps in size and city."""
    random = np.random.default_rng(0)
    lines = ["size,age,city,kind"]
    for number in range(200):
        rare = number % 10 == 0
        size = "" if number % 7 == 0 else f"{random.normal(4 * rare, 1):.3f}"
        city = "" if number % 11 == 0 else ["Rome", "Oslo"][number % 2]
        lines.append(f"{size},{random.normal(40 + 20 * rare, 5):.3f},{city},{'rare' if rare else 'common'}")
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, steps: list[str]) -> Path:
    path = folder / "rare.yaml"
    path.write_text(RECIPE.replace("STEPS", "\n".join(f"  - {step}" for step in steps)))
    return path


@pytest.mark.parametrize("steps", [FILLED, ["impute median", "balance ensemble: {members: 3}"]])
def test_a_release_answers_raw_rows_as_it_was_judged(table: Path, steps: list[str]) -> None:
    yard = Yard(table / "yard")
    outcome = build(write(table, steps), yard)
    assert outcome.verdict.value == "met"
    model = yard.model(outcome.version)
    smoke = smoke_of(yard, yard.release(outcome.version))
    assert len(smoke.rows) == 16
    with Predictor(model) as predictor:
        answers = predictor.predict([{"features": row["features"]} for row in smoke.rows])
        raw = {"size": None, "age": 61.0, "city": None}
        assert predictor.predict([{"features": raw}])[0]["label"] in ("common", "rare")
    assert [answer["label"] for answer in answers] == list(smoke.labels)
    assert [answer["score"] for answer in answers] == pytest.approx(list(smoke.scores), abs=1e-6)
    page = outcome.report.read_text()
    assert ("Rows to learn from" in page) == ("balance smote" in steps)
    if steps == FILLED:
        columns = json.loads((model.path / "columns.json").read_text())["columns"]
        assert [column["name"] for column in columns] == ["size", "age", "city", "size_missing", "city_missing"]
        assert "balance smote (252 rows)" in page


def test_a_step_for_tables_is_refused_for_texts_with_those_that_fit(project: Path) -> None:
    path = project / "recipe.yaml"
    path.write_text(path.read_text().replace("- mask: {kinds: [email]}", "- balance smote"))
    with pytest.raises(RecipeError) as caught:
        make_plan(read_recipe(path))
    message = str(caught.value)
    assert "'balance smote' needs 'features'" in message
    assert "choose balance focal, balance oversample, balance undersample or balance weights" in message
