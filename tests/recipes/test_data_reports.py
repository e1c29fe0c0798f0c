"""What is measured on data can be asked for, if it was measured on the data that the model learned from."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from modelyard.recipes.build import build
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.yard.yard import Yard

RECIPE = """\
modelyard: 1
name: table
task: tabular-classification
model: new:mlp
data:
  source: ./people.csv
  columns: {label: left, features: [age, city]}
steps:
  - anonymise check: {columns: [age]}
  - anonymise: {columns: [age, city], k: 5}
LATER
  - finetune: {epochs: 1}
  - evaluate
require:
  accuracy: ">= 0.5"
  k_anonymity: ">= 5"
"""


def test_what_is_measured_on_the_final_data_can_be_asked_for() -> None:
    text = RECIPE.replace("LATER", "  - anonymise check: {columns: [age, city]}")
    plan = make_plan(parse_recipe(text, "r.yaml", Path()))
    assert [node.id for node in plan.reports("")] == ["3 anonymise check", "5 evaluate"]
    # The earlier one is shown, and judged by nobody.
    assert [node.id for node in plan.reports_on_earlier_data()] == ["1 anonymise check"]


@pytest.mark.parametrize("later", ["", "  - balance oversample"])
def test_what_is_measured_before_the_data_changed_cannot(later: str) -> None:
    with pytest.raises(RecipeError, match="measured only before the last step that changes the data"):
        make_plan(parse_recipe(RECIPE.replace("LATER\n", f"{later}\n" if later else ""), "r.yaml", Path()))


def test_a_release_is_held_to_the_k_of_the_rows_that_it_learned_from(tmp_path: Path) -> None:
    """One draw of people, asked for 5 alike after being made so, and asked for 5 alike as they came."""
    source = random.Random(0)
    lines = [f"{source.randint(20, 60)},{source.choice(['Bonn', 'Berlin', 'Bochum'])},{n % 2}" for n in range(200)]
    (tmp_path / "people.csv").write_text("\n".join(["age,city,left", *lines]))
    yard = Yard(tmp_path / "yard")
    text = RECIPE.replace("model: new:mlp\n", "").replace("finetune: {epochs: 1}", "fit linear")
    text = text.replace('accuracy: ">= 0.5"', 'accuracy: ">= 0"')
    asked = text.replace("LATER", "  - anonymise check: {columns: [age, city]}")
    raw = asked.replace("  - anonymise: {columns: [age, city], k: 5}\n", "")
    verdicts = {}
    for name, recipe in (("alike", asked), ("raw", raw)):
        (tmp_path / f"{name}.yaml").write_text(recipe)
        built = build(tmp_path / f"{name}.yaml", yard).to_json()
        judged = {item["measure"]: item for item in built["requirements"]}
        verdicts[name] = (built["verdict"], judged["k_anonymity"]["verdict"], judged["k_anonymity"]["value"] >= 5)
    assert verdicts == {"alike": ("met", "met", True), "raw": ("not met", "not met", False)}
