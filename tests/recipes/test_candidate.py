"""The two stages of a candidate: what is measured in each, and where the cheap one ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.recipes.recipe import parse_recipe
from modelyard.recipes.solve.candidate import CHEAP, cheap_plan, full_plan, measure

RECIPE = """\
modelyard: 1
name: tumours
task: tabular-classification
model: new:mlp?hidden=16
data:
  source: sklearn:breast_cancer
  columns: {label: target, features: "*"}
  split: {train: 0.7, validation: 0.1, test: 0.2, by: label, seed: 0}
steps:
  - finetune: {epochs: 1}
  - quantize dynamic
  - evaluate
  - speedup: {batch_sizes: [1], length: 1, rounds: 3, seconds: 0.01}
  - benchmark: {batch_sizes: [1], seconds: 0.01, rows: 10}
require:
  accuracy: ">= 0.5"
  size_mb: "<= SIZE"
  speedup: ">= 0.001"
"""


def test_the_cheap_stage_times_two_models_last() -> None:
    recipe = parse_recipe(RECIPE.replace("SIZE", "1"), "r.yaml", Path())
    names = [node.step.name for node in cheap_plan(recipe).nodes]
    assert names == ["load data", "load model", "finetune full", "quantize dynamic", "benchmark", "speedup"]
    assert "benchmark" not in [node.step.name for node in full_plan(recipe).nodes]


@pytest.mark.slow
@pytest.mark.parametrize(("size", "timed"), [("1", True), ("0.0001", False)])
def test_what_is_too_large_is_not_compared_in_speed(tmp_path: Path, size: str, timed: bool) -> None:
    job = {"recipe": RECIPE.replace("SIZE", size), "name": "r.yaml", "folder": str(tmp_path)}
    found = measure({**job, "yard": str(tmp_path / "yard"), "stage": CHEAP})
    assert found["failed"] == ""
    assert "size_mb" in found["measures"]
    assert ("speedup" in found["measures"]) == timed
    assert [judged is not None for judged in found["judged"]] == [False, True, timed]
