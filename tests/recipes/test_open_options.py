"""Options left open: where they may stand, what closes them, and every mistake with its line."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.formats.document import parse, write_yaml
from modelyard.recipes.auto import expand_auto, shrinking_entries
from modelyard.recipes.open_options import Alternatives, Closing, Numbers, around_first, enumerate_closings
from modelyard.recipes.plan import make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.recipes.solve.solving import read_question
from modelyard.recipes.start import UNKNOWN, of_fetched
from modelyard.sources import fetch

OPEN = """\
modelyard: 1
name: sms-spam
task: text-classification
model: ./encoder
data:
  source: ./sms.csv
  columns: {text: text, label: spam}
steps:
  - mask
  - finetune: {epochs: {search: [2, 4]}, learning_rate: {search: {low: 1e-5, high: 1e-3, scale: log}}}
  - search: [null, {quantize dynamic: {per_channel: {search: [true, false]}}}]
  - evaluate
  - benchmark
require:
  accuracy: ">= 0.9"
"""

IMAGES = """\
modelyard: 1
name: digits
task: image-classification
model: {model}
data:
  source: ./digits
  columns: {{image: image, label: label}}
steps:
  - {step}
  - benchmark
"""


def first(name: str, offered: Alternatives) -> float:
    return offered.low if isinstance(offered, Numbers) else 0


def test_closing_keeps_what_was_decided_and_leaves_out_what_was_not_chosen() -> None:
    document = parse(OPEN, "r.yaml")
    asked = {}

    def pick(name: str, offered: Alternatives) -> float:
        asked[name] = offered
        return first(name, offered)

    closing = Closing(document, pick)
    closed = closing.close()
    assert closed["steps"] == [
        "mask",
        {"finetune": {"epochs": 2, "learning_rate": 1e-5}},
        "evaluate",
        "benchmark",
    ]
    assert closing.chosen == [{"finetune": {"epochs": 2, "learning_rate": 1e-5}}]
    # Nothing is asked about a step that was not chosen; what stands behind it keeps its line.
    assert len(asked) == 3
    assert closing.lines[("steps", 2)] == 12
    assert parse_recipe(write_yaml(closed), "r.yaml", Path()).steps[1].options["epochs"] == 2


def test_every_way_is_listed_once_with_first_values_first() -> None:
    text = OPEN.replace("learning_rate: {search: {low: 1e-5, high: 1e-3, scale: log}}", "learning_rate: 1e-4")
    document = parse(text, "r.yaml")
    ways = list(enumerate_closings(document))
    assert [sorted(way.values()) for way in ways[:2]] == [[0, 0], [0, 0, 1]]
    # Two rates, each without the last step and with it in two ways.
    assert len(ways) == 2 * 3
    texts = {write_yaml(Closing(document, lambda name, offered, way=way: way[name]).close()) for way in ways}  # type: ignore[misc]
    assert len(texts) == len(ways)


def test_build_sends_an_open_recipe_to_solve() -> None:
    with pytest.raises(InputError, match="leaves options open") as caught:
        parse_recipe(OPEN, "r.yaml", Path())
    assert caught.value.where == "r.yaml, line 10"
    assert "modelyard solve" in caught.value.fix


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("search: [2, 4]", "search: []", 10, "empty"),
        ("search: [2, 4]", "search: [2, 2]", 10, "twice"),
        ("search: [2, 4]", "search: [2, two]", 10, "'two'"),
        ("search: [2, 4]", "search: [2, -4]", 10, "-4"),
        ("search: [2, 4]", "search: 4", 10, "search: 4"),
        ("low: 1e-5", "low: 1", 10, "low 1, high 0.001"),
        ("low: 1e-5", "low: 0", 10, "low: 0"),
        ("high: 1e-3", "high: 2", 10, "2"),
        ("scale: log", "scale: logarithmic", 10, "logarithmic"),
        ("high: 1e-3", "hihg: 1e-3", 10, "hihg"),
        ("epochs", "epoch", 10, "did you mean 'epochs'?"),
        ("quantize dynamic", "quantise dynamic", 11, "did you mean"),
        ("per_channel", "per_chanel", 11, "did you mean 'per_channel'?"),
        ("search: [null", "search: [[null]", 11, "cannot read the step"),
        ("source: ./sms.csv", "source: {search: [./a.csv, ./b.csv]}", 6, "nothing can be left open"),
        ('">= 0.9"', "{search: [1, 2]}", 15, "nothing can be left open"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(tmp_path: Path, old: str, new: str, line: int, words: str) -> None:
    path = tmp_path / "r.yaml"
    assert old in OPEN
    path.write_text(OPEN.replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_question(path)
    assert words in str(caught.value)
    assert f"r.yaml, line {line}" in str(caught.value)


def test_a_recipe_with_nothing_open_is_for_build(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(OPEN.split("  - finetune")[0] + "  - evaluate\n")
    with pytest.raises(InputError, match="leaves nothing open") as caught:
        read_question(path)
    assert "modelyard build" in caught.value.fix


def test_auto_is_written_out_from_what_the_steps_say(tmp_path: Path) -> None:
    text = re.sub(r"- search: .*", "- auto", OPEN)
    document = expand_auto(parse(text, "r.yaml"))
    entries = document.value["steps"][2:-2]
    assert entries == shrinking_entries("text-classification")
    named = str(entries)
    offered = UNKNOWN.abilities(lookup.task("text-classification")) | lookup.runtime("torch").abilities
    for name in lookup.step_names():
        step = lookup.step(name)
        assert (f"'{name}'" in named) == bool(step.shrinks and step.converts and step.needs <= offered)
    assert "prune channels" not in named
    assert "prune channels" in str(shrinking_entries("image-classification"))
    # What stands in for auto has its line, and what stands behind it keeps its own.
    assert document.line(("steps", 2, "search", 0)) == 11
    assert document.line(("steps", len(document.value["steps"]) - 1)) == 13
    path = tmp_path / "r.yaml"
    path.write_text(text)
    assert read_question(path).plan.recipe.name == "sms-spam"


def test_a_search_begins_with_the_first_alternatives_and_what_lies_beside_them() -> None:
    choices = list(around_first(parse(OPEN, "r.yaml")))
    assert all(set(choice.values()) <= {0, 1} for choice in choices)
    assert [sum(choice.values()) for choice in choices] == [0, 1, 1]
    assert len(choices[2]) == len(choices[0]) + 1, "the step that is taken in has an open option of its own"


@pytest.mark.parametrize(
    ("model", "offered", "left_out"),
    [("new:resnet-18", "prune channels", "prune layers"), ("./vit", "prune layers", "prune channels")],
)
def test_auto_offers_what_the_network_is_made_of(tmp_path: Path, model: str, offered: str, left_out: str) -> None:
    (tmp_path / "vit").mkdir()
    (tmp_path / "vit" / "config.json").write_text('{"num_hidden_layers": 2, "num_attention_heads": 4}')
    path = tmp_path / "r.yaml"
    path.write_text(IMAGES.format(model=model, step="auto"))
    start = of_fetched(fetch(model, base=tmp_path))
    named = str(read_question(path, start).document.value)
    assert f"'{offered}'" in named
    assert f"'{left_out}'" not in named
    closed = parse_recipe(IMAGES.format(model=model, step=left_out), "r.yaml", tmp_path)
    make_plan(closed)
    with pytest.raises(RecipeError, match=f"'{left_out}' needs"):
        make_plan(closed, start)


def test_in_auto_the_strongest_stands_first() -> None:
    document = expand_auto(parse(re.sub(r"- search: .*", "- auto", OPEN), "r.yaml"))
    strongest = Closing(document, first).close()["steps"]
    names = [step if isinstance(step, str) else next(iter(step)) for step in strongest]
    assert {"prune layers", "prune neurons", "prune positions", "prune vocabulary", "distill"} <= set(names)
    assert names[-3] == "quantize dynamic"
    assert {"prune layers": {"keep": 2}} in strongest


@given(st.randoms(use_true_random=False))
def test_any_choice_within_auto_closes_to_a_recipe(source: random.Random) -> None:
    document = expand_auto(parse(OPEN.replace("  - mask\n", "  - auto\n"), "r.yaml"))

    def pick(name: str, offered: Alternatives) -> float:
        return (
            source.uniform(offered.low, offered.high)
            if isinstance(offered, Numbers)
            else source.randrange(len(offered))
        )

    closed = Closing(document, pick).close()
    assert parse(write_yaml(closed), "r.yaml").value == closed
    parse_recipe(write_yaml(closed), "r.yaml", Path())


texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12) | st.sampled_from(
    ["no", "2e-4", "1", "null", "~", ".5", "1_0", "on", "12:30", "[a]", "- a", "#", "1e5"]
)
data = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e9, 1e9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, data, min_size=1, max_size=4))
def test_what_is_written_is_read_as_the_same(value: dict[str, object]) -> None:
    assert parse(write_yaml(value), "r.yaml").value == value
