"""Recipes: every mistake is found before anything runs, with its line and a way to mend it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.requirement import LIVE_ONLY
from modelyard.formats.document import parse
from modelyard.recipes.plan import Plan, make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe, read_recipe
from modelyard.recipes.schema import recipe_schema
from modelyard.recipes.solve.solving import read_question
from modelyard.serve.analysis import LIVE

GOOD = """\
modelyard: 1
name: sms-spam
task: text-classification
model: ./encoder
data:
  source: ./sms.csv
  columns: {text: text, label: spam}
  split: {train: 0.7, validation: 0.1, test: 0.2, by: label}
steps:
  - mask: {kinds: [phone]}
  - finetune: {epochs: 2}
  - quantize dynamic
  - evaluate
  - benchmark
require:
  accuracy: ">= 0.9"
  f1: {max_drop: 0.01, against: base}
  latency_p95_ms: "<= 15"
"""

SHIPPED = [file for file in files("modelyard.recipes.examples").iterdir() if file.name.endswith(".yaml")]


def plan_of(text: str) -> Plan:
    return make_plan(parse_recipe(text, "r.yaml", Path()))


def test_a_good_recipe_has_no_problem_and_fits_the_published_schema() -> None:
    plan_of(GOOD)
    jsonschema.validate(parse(GOOD, "r.yaml").value, recipe_schema())


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_shipped_recipes_are_good(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if "search:" in text:
        assert read_question(Path(str(file))).plan.nodes
    else:
        plan_of(text)
    jsonschema.validate(parse(text, file.name).value, recipe_schema())


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("task: text", "tusk: text", 3, "unknown key 'tusk'"),
        ("name: sms-spam", "name: ../up", 2, "'../up'"),
        ("name: sms-spam", "name: Sms", 2, "'Sms'"),
        ("text-classification", "text-clasification", 3, "did you mean 'text-classification'?"),
        ("modelyard: 1", "modelyard: 2", 1, "modelyard: 2"),
        ("source: ./sms.csv", "sauce: ./sms.csv", 5, "no source"),
        ("columns: {text: text, label: spam}", "columns: {text: text}", 7, "the role 'label'"),
        ("train: 0.7", "train: 0.8", 8, "sum to 1.1"),
        ("train: 0.7", "trian: 0.7", 8, "did you mean 'train'?"),
        ("train: 0.7", "train: lots", 8, "'lots'"),
        ("- evaluate", "- evalute", 13, "did you mean 'evaluate'?"),
        ("epochs: 2", "epoch: 2", 11, "did you mean 'epochs'?"),
        ("epochs: 2", "epochs: two", 11, "'two'"),
        ("epochs: 2", "epochs: -1", 11, "from 0.01"),
        ("kinds: [phone]", "kinds: [fone]", 10, "did you mean 'phone'?"),
        ("- evaluate", "- load model", 13, "is done by the recipe itself"),
        ("- evaluate", "- [a, b]", 13, "cannot read the step"),
        ("- quantize dynamic", "- quantize: dynamic", 12, "write - quantize dynamic"),
        ('">= 0.9"', '"> 0.9"', 16, "cannot read the bound"),
        ("accuracy:", "accuracie:", 16, "did you mean 'accuracy'?"),
        ("max_drop: 0.01", "max_dropp: 0.01", 17, "did you mean 'max_drop'?"),
        ("against: base", "against: bass", 17, "'bass'"),
    ],
)
def test_each_mistake_is_named_with_its_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(InputError) as caught:
        plan_of(GOOD.replace(old, new, 1))
    assert words in str(caught.value)
    assert f"r.yaml, line {line}" in str(caught.value)
    assert caught.value.exit_code == 2


def test_steps_that_do_not_fit_together_are_refused() -> None:
    steps = "  - finetune: {epochs: 2}\n  - quantize dynamic\n"
    assert steps in GOOD
    swapped = GOOD.replace(steps, "  - quantize dynamic\n  - finetune: {epochs: 2}\n").replace("against: base", "")
    with pytest.raises(RecipeError) as caught:
        plan_of(swapped)
    assert "'finetune full' needs 'gradients'" in str(caught.value)
    assert "put it before the step that moves the model to 'onnxruntime'" in str(caught.value)


def test_measuring_before_the_last_change_is_refused() -> None:
    early = GOOD.replace("  - quantize dynamic\n  - evaluate\n", "  - evaluate\n  - quantize dynamic\n")
    with pytest.raises(RecipeError, match="before the last step that changes the model"):
        plan_of(early)


def test_a_requirement_nobody_measures_is_refused() -> None:
    with pytest.raises(RecipeError, match="no step measures 'latency_p95_ms'"):
        plan_of(GOOD.replace("  - benchmark\n", ""))


@pytest.mark.parametrize(
    ("measure", "steps"),
    [
        ("robust_accuracy", "attack homoglyphs or attack insert or attack typos or attack words"),
        ("size_mb", "benchmark"),
    ],
)
def test_what_could_measure_a_requirement_for_this_task_is_named(measure: str, steps: str) -> None:
    unmeasured = GOOD.replace("  - benchmark\n", "").replace("latency_p95_ms", measure)
    with pytest.raises(RecipeError) as caught:
        plan_of(unmeasured)
    assert f"no step measures '{measure}'" in str(caught.value)
    assert f"add a step that measures it: {steps}\n" in f"{caught.value}\n"


@pytest.mark.parametrize(
    ("bound", "fix"),
    [('">= 98.5"', "write per cent as a share: 0.985"), ("{at_least: 250}", "'accuracy' is a share from 0 to 1")],
)
def test_a_share_that_no_model_can_reach_is_refused(bound: str, fix: str) -> None:
    with pytest.raises(RecipeError, match="is a share from 0 to 1") as caught:
        plan_of(GOOD.replace('accuracy: ">= 0.9"', f"accuracy: {bound}"))
    assert fix in str(caught.value)
    plan_of(GOOD.replace('accuracy: ">= 0.9"', 'accuracy: ">= 1"'))


@pytest.mark.parametrize("measure", sorted(LIVE_ONLY))
def test_what_only_traffic_shows_may_be_required(measure: str) -> None:
    assert measure in LIVE
    plan = plan_of(GOOD + f'  {measure}: "<= 0.1"\n')
    assert plan.recipe.require[-1].measure == measure
    with pytest.raises(RecipeError, match=f"no step measures '{measure}'"):
        plan_of(GOOD + f"  {measure}: {{max_rise: 0.1, against: base}}\n")


def test_base_needs_a_conversion() -> None:
    with pytest.raises(RecipeError, match="there is no 'base'"):
        plan_of(GOOD.replace("  - quantize dynamic\n", ""))


def test_a_step_that_the_task_cannot_do_is_refused() -> None:
    text = GOOD.replace("- benchmark", "- generate: {prompts: [hello]}")
    with pytest.raises(RecipeError, match="'generate' needs 'generation'"):
        plan_of(text)


def test_all_problems_are_said_at_once() -> None:
    text = GOOD.replace("name: sms-spam", "name: Sms").replace("epochs: 2", "epoch: 2").replace('">= 0.9"', "3")
    with pytest.raises(RecipeError) as caught:
        plan_of(text)
    assert len(caught.value.problems) == 3


def test_the_plan_measures_base_beside_the_release_and_compares_them() -> None:
    plan = make_plan(parse_recipe(GOOD, "r.yaml", Path()))
    assert [node.id for node in plan.nodes] == [
        "data",
        "1 mask",
        "model",
        "2 finetune full",
        "3 quantize dynamic",
        "4 evaluate",
        "4 evaluate of base",
        "4 evaluate against base",
        "5 benchmark",
        "5 benchmark of base",
    ]
    nodes = {node.id: node for node in plan.nodes}
    assert nodes["2 finetune full"].inputs == ("model", "1 mask")
    assert nodes["4 evaluate"].inputs == ("3 quantize dynamic", "1 mask")
    assert nodes["4 evaluate of base"].inputs == ("2 finetune full", "1 mask")
    assert nodes["4 evaluate against base"].inputs == ("4 evaluate", "4 evaluate of base")


def test_the_reference_is_attacked_only_where_something_is_required_against_it() -> None:
    attacked = GOOD.replace("  - benchmark", "  - attack typos\n  - benchmark")
    assert "5 attack typos of base" not in [node.id for node in plan_of(attacked).nodes]
    held = attacked.replace("require:\n", "require:\n  robust_accuracy: {max_drop: 0.1, against: base}\n")
    nodes = {node.id: node for node in plan_of(held).nodes}
    assert nodes["5 attack typos of base"].inputs[0] == "2 finetune full"


@pytest.mark.parametrize("text", ["", "- a\n", "3\n", "modelyard: 1\n"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        plan_of(text)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no recipe"):
        read_recipe(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="cannot read"):
        read_recipe(tmp_path / "binary.yaml")


def test_an_entry_names_models_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``teacher`` is the model before the first conversion, or a named one; ``*models`` add to ours."""
    package = tmp_path / "combining" / "steps" / "combine"
    package.mkdir(parents=True)
    for folder in (package.parents[1], package.parents[0]):
        (folder / "__init__.py").write_text("")
    (package / "__init__.py").write_text("DEFAULT = 'mean'\n")
    (package / "mean.py").write_text(COMBINE.format(name="mean", parameters="*models: Model", argument="models"))
    (package / "taught.py").write_text(
        COMBINE.format(name="taught", parameters="model: Model, teacher: Model, *", argument="teacher")
    )
    with plug_in(tmp_path, monkeypatch):
        steps = GOOD.replace(
            "  - evaluate", "  - combine: {models: [yard:a, 'yard:b:2']}\n  - combine taught\n  - evaluate"
        )
        plan = make_plan(parse_recipe(steps, "recipe.yaml", Path()))
        inputs = {node.id: node.inputs for node in plan.nodes}
        assert [getattr(item, "text", item) for item in inputs["4 combine mean"]] == [
            "3 quantize dynamic",
            "yard:a",
            "yard:b:2",
        ]
        assert inputs["5 combine taught"] == ("4 combine mean", "2 finetune full")
        named = steps.replace("combine taught", "combine taught: {teacher: yard:large@production}")
        plan = make_plan(parse_recipe(named, "recipe.yaml", Path()))
        (taught,) = (node for node in plan.nodes if node.id == "5 combine taught")
        assert getattr(taught.inputs[1], "text", None) == "yard:large@production"
        jsonschema.validate(parse(named, "recipe.yaml").value, recipe_schema())
        for wrong in ("{teacher: ./folder}", "{teacher: 3}"):
            with pytest.raises(RecipeError, match="teacher"):
                parse_recipe(named.replace("{teacher: yard:large@production}", wrong), "recipe.yaml", Path())
        early = GOOD.replace("  - quantize dynamic\n", "  - combine taught\n")
        with pytest.raises(RecipeError, match="needs a teacher"):
            make_plan(parse_recipe(early, "recipe.yaml", Path()))


COMBINE = '''
from pathlib import Path
from modelyard.core.model import Model
from modelyard.core.step import step

@step(converts=True)
def {name}({parameters}, out: Path) -> Model:
    """Make one model of several.

    Args:
        {argument}: what goes in.
    """
    raise NotImplementedError
'''


@contextmanager
def plug_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package ``combining`` in ``folder``, found through its entry point."""
    information = folder / "combining-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: combining\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[modelyard]\nanything = combining\n")
    monkeypatch.syspath_prepend(str(folder))
    caches = [value for value in vars(lookup).values() if hasattr(value, "cache_clear")]
    for cache in caches:
        cache.cache_clear()
    try:
        yield
    finally:
        for cache in caches:
            cache.cache_clear()
