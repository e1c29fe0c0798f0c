"""``evaluate`` and ``compare`` on tiny models of both tasks, through the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.artifact import Artifact, open_artifact
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import tiny

COPIES = 5


def run(name: str, inputs: list[Artifact], folder: Path, **options: Any) -> Report:
    step = lookup.step(name)
    folder.mkdir()
    report = execute(step, inputs, step.check_options(options), out=folder, scratch=folder)
    assert isinstance(report, Report)
    return report


def adopted(folder: Path, task: str, seed: int) -> Model:
    write = tiny.write_encoder if task == "text-classification" else tiny.write_causal
    source = Source("tiny", write(folder / f"source {seed}"), "", {})
    out = folder / f"model {seed}"
    out.mkdir()
    data = tiny.labelled("ham", "spam") if task == "text-classification" else None
    return lookup.task(task).adopt(source, out, data=data, seed=seed)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluate")


@pytest.fixture(scope="module")
def data(folder: Path) -> Dataset:
    out = folder / "data"
    out.mkdir()
    texts, labels = [*tiny.TEXTS] * COPIES, [*tiny.LABELS] * COPIES
    table = pa.table({"row": pa.array(range(100, 100 + len(texts)), pa.int64()), "text": texts, "label": labels})
    return Dataset.write(out, {"test": table, "small": table.slice(0, 2)}, parents=[], labels=["ham", "spam"])


@pytest.fixture(scope="module")
def models(folder: Path) -> tuple[Model, Model]:
    return adopted(folder, "text-classification", 0), adopted(folder, "text-classification", 1)


@pytest.fixture(scope="module")
def reports(models: tuple[Model, Model], data: Dataset, folder: Path) -> tuple[Report, Report]:
    first, second = (run("evaluate", [model, data], folder / f"report {n}") for n, model in enumerate(models))
    return first, second


def test_evaluate_scores_what_the_predictor_answers(
    models: tuple[Model, Model], data: Dataset, reports: tuple[Report, Report]
) -> None:
    with Predictor(models[0]) as predictor:
        answers = [answer["label"] for answer in predictor.predict_split(data, "test")]
    found = reports[0].findings
    right = sum(answer == label for answer, label in zip(answers, [*tiny.LABELS] * COPIES, strict=True))
    assert found.measures["accuracy"].value == pytest.approx(right / len(answers))
    assert found.rows is not None
    assert found.rows.column("predicted").to_pylist() == answers
    assert found.rows.column("row").to_pylist() == list(range(100, 130))


def test_a_report_read_back_is_the_report_that_was_written(reports: tuple[Report, Report]) -> None:
    again = open_artifact(reports[0].path, expected_digest=reports[0].digest)
    assert isinstance(again, Report)
    again.verify()
    assert again.findings.measures == reports[0].findings.measures


def test_a_report_holds_every_measure_that_the_task_names(reports: tuple[Report, Report]) -> None:
    found = reports[0].findings.measures
    for name in lookup.task("text-classification").measures:
        prefix, star, _ = name.partition("*")
        assert any(key.startswith(prefix) if star else key == name for key in found), name


def test_the_same_evaluation_gives_the_same_digest(
    models: tuple[Model, Model], data: Dataset, reports: tuple[Report, Report], tmp_path: Path
) -> None:
    assert run("evaluate", [models[0], data], tmp_path / "again").digest == reports[0].digest


def test_options_choose_split_and_confidence(models: tuple[Model, Model], data: Dataset, tmp_path: Path) -> None:
    found = run("evaluate", [models[0], data], tmp_path / "out", split="small", confidence=0.8).findings.measures
    assert found["accuracy"].n == 2
    assert found["accuracy"].confidence == 0.8
    with pytest.raises(InputError, match="no split 'other'"):
        run("evaluate", [models[0], data], tmp_path / "other", split="other")
    with pytest.raises(InputError, match="confidence"):
        run("evaluate", [models[0], data], tmp_path / "sure", confidence=1.0)


def test_compare_finds_how_far_two_models_are_apart(reports: tuple[Report, Report], tmp_path: Path) -> None:
    ours, reference = reports
    report = run("compare", [ours, reference], tmp_path / "out", task="text-classification")
    assert report.parents == (ours.digest, reference.digest)
    found = report.findings.measures
    first, second = ours.findings, reference.findings
    assert first.rows is not None
    assert second.rows is not None
    pairs = zip(first.rows.column("predicted"), second.rows.column("predicted"), strict=True)
    assert found["agreement"].value == pytest.approx(sum(one == other for one, other in pairs) / 30)
    expected = (second.measures["accuracy"].value or 0) - (first.measures["accuracy"].value or 0)
    assert found["accuracy_drop"].value == pytest.approx(expected)
    assert (found["largest_difference"].value or 0) > 0


def test_compare_with_itself_finds_no_difference(reports: tuple[Report, Report], tmp_path: Path) -> None:
    found = run("compare", [reports[0], reports[0]], tmp_path / "out", task="text-classification").findings.measures
    assert (found["agreement"].value, found["largest_difference"].value) == (1, 0)
    assert {measure.value for name, measure in found.items() if name.endswith("_drop")} <= {0, None}


def test_compare_refuses_other_rows_and_unknown_tasks(
    models: tuple[Model, Model], data: Dataset, reports: tuple[Report, Report], tmp_path: Path
) -> None:
    small = run("evaluate", [models[0], data], tmp_path / "small", split="small")
    with pytest.raises(InputError, match="other rows"):
        run("compare", [small, reports[0]], tmp_path / "out", task="text-classification")
    with pytest.raises(InputError, match="unknown task"):
        run("compare", [reports[0], reports[1]], tmp_path / "out2", task="text-clasification")


def test_a_language_model_is_evaluated_and_compared(data: Dataset, folder: Path, tmp_path: Path) -> None:
    model = adopted(folder, "text-generation", 2)
    report = run("evaluate", [model, data], tmp_path / "report")
    found = report.findings.measures
    # Random weights know nothing: about as many equally likely tokens as there are in the vocabulary.
    assert 150 < (found["perplexity"].value or 0) < 700
    assert (found["perplexity"].low or 0) < (found["perplexity"].value or 0) < (found["perplexity"].high or 0)
    compared = run("compare", [report, report], tmp_path / "out", task="text-generation").findings.measures
    assert (compared["agreement"].value, compared["perplexity_drop"].value) == (1, 0)
