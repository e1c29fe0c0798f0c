"""What is measured on data can be asked for, if it was measured on the data that the model learned from."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe

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
