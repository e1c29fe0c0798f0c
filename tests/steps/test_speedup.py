"""``speedup``: two real models in turn; what comes out when they are the same, and when one has more to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.testing import check_step, tiny

QUICK = {"seconds": 0.02, "rounds": 3, "threads": 1, "length": 8, "batch_sizes": [1, 4]}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_encoder(tmp_path_factory.mktemp("source")), "", {})
    task = lookup.task("text-classification")
    adopted = task.adopt(source, tmp_path_factory.mktemp("model"), data=tiny.labelled("ham", "spam"), seed=0)
    # The processes that measure need not load torch for a graph.
    made = lookup.step("export onnxruntime").function(adopted, out=tmp_path_factory.mktemp("graph"))
    assert isinstance(made, Model)
    return made


def test_each_batch_size_has_a_ratio_with_its_interval(classifier: Model) -> None:
    report = check_step("speedup", [classifier, classifier], QUICK, repeatable=False)
    assert isinstance(report, Report)
    measures = report.findings.measures
    assert set(measures) == {"speedup", "speedup:1", "speedup:4"}
    assert measures["speedup"].value == min(measures[f"speedup:{batch}"].value or 0 for batch in (1, 4))
    assert measures["speedup:1"].n == 3
    assert measures["speedup:1"].unit == "times"
    (table,) = report.findings.tables
    for row, batch in zip(table.rows, (1, 4), strict=True):
        assert row[0] == f"{batch} × 8"
        assert isinstance(row[1], float)
        assert isinstance(row[2], float)
        assert row[1] > 0 < row[2]


def test_ratio_and_times_follow_from_the_turns() -> None:
    from modelyard.steps.speedup import _findings

    found = _findings({1: [(1.0, 2.0), (2.0, 6.0), (1.0, 4.0)], 16: [(1.0, 9.0)] * 3}, 32, 0.95)
    assert found.measures["speedup:1"].value == 3.0
    assert found.measures["speedup:16"].value == 9.0
    assert found.measures["speedup"] == found.measures["speedup:1"]
    assert list(found.tables[0].rows[0]) == ["1 × 32", 1000.0, 4000.0, 3.0]


def test_bad_input_is_said_before_or_by_the_process_that_measures(classifier: Model, tmp_path: Path) -> None:
    step = lookup.step("speedup")
    for options, words in (({"length": 1000}, "length 1000"), ({"batch_sizes": []}, "batch_sizes")):
        with pytest.raises(InputError, match=words):
            execute(
                step, [classifier, classifier], step.check_options({**QUICK, **options}), out=tmp_path, scratch=tmp_path
            )


RECIPE = """\
modelyard: 1
name: small
task: text-classification
model: ./encoder
data: {source: ./sms.csv, columns: {text: text, label: spam}}
steps:
  - finetune
  - quantize dynamic
  - evaluate
  - speedup: {batch_sizes: [1, 16]}
require:
  speedup: ">= 2"
  speedup:16: ">= 1.5"
"""


def test_in_a_recipe_it_is_measured_against_the_model_before_conversion() -> None:
    plan = make_plan(parse_recipe(RECIPE, "small.yaml", Path()))
    nodes = {node.id: node.inputs for node in plan.nodes}
    assert nodes["4 speedup"] == ("2 quantize dynamic", "1 finetune full")
    assert not any(name.startswith("4 speedup of") for name in nodes)
    with pytest.raises(RecipeError, match="needs a base"):
        make_plan(parse_recipe(RECIPE.replace("  - quantize dynamic\n", ""), "small.yaml", Path()))
