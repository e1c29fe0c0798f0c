"""``test`` on models whose answers are known: every kind of case passes where it should and fails where it should."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import main
from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.behaviour import check_case, generated_cases, read_images, run_case
from modelyard.formats.suite import Case
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Says ``heavy`` of what weighs more than 50, whatever its colour."""
    pytest.importorskip("sklearn")
    file = tmp_path_factory.mktemp("table") / "table.csv"
    lines = [f"{weight},{colour},{'heavy' if weight > 50 else 'light'}" for weight in range(100) for colour in "ab"]
    file.write_text("\n".join(["weight,colour,kind", *lines]))
    columns = {"label": "kind", "features": ["weight", "colour"]}
    data = check_step("load data", [fetch(str(file)), None, None], {"columns": columns})
    made = check_step("fit linear", [data], {"task": "tabular-classification"})
    assert isinstance(made, Model)
    return made


@pytest.fixture(scope="module")
def predictor(model: Model) -> Predictor:
    return Predictor(model)


def row(weight: object, colour: object = "a") -> dict[str, Any]:
    return {"features": {"weight": weight, "colour": colour}}


@pytest.mark.parametrize(
    ("case", "failures"),
    [
        (Case("heavy", rows=[row(90), row(60)], expect="heavy"), []),
        (Case("heavy", rows=[row(90), row(10)], expect="heavy"), ["light"]),
        (Case("colour", row=row(90, "{c}"), fill={"c": ["a", "b"]}, same=True), []),
        (Case("weight", rows=[row(90), row(10), row(20)], same=True), ["light", "light"]),
        (Case("score", row=row(52), becomes=row(99), same=True), []),
        (Case("score", row=row(52), becomes=row(99), same=True, tolerance=0.01), ["heavy"]),
        (Case("more", row=row(40), becomes=row(60), rises="heavy"), []),
        (Case("more", row=row(60), becomes=row(40), rises="heavy"), ["fell from"]),
        (Case("less", row=row(60), becomes=row(40), falls="heavy"), []),
        (Case("less", row=row(40), becomes=row(60), falls="heavy"), ["rose from"]),
        (Case("gap", row=row(None), outcome="refused"), []),
        (Case("gap", row=row(None), outcome="answered"), ["refused"]),
        (Case("plain", row=row(1), outcome="refused"), ["expected a refusal"]),
        (Case("plain", row=row(1), outcome="either"), []),
        (Case("quick", row=row(1), at_most_ms=10_000), []),
        (Case("quick", row=row(1), at_most_ms=0.001), ["expected 0.001 ms"]),
        (Case("breaks", row=row(None), expect="heavy"), ["raised InputError"]),
    ],
)
def test_every_kind_of_case_tells_right_from_wrong(predictor: Predictor, case: Case, failures: list[str]) -> None:
    check_case(case, predictor.model)
    outcome = run_case(case, predictor)
    assert len(outcome.failures) == len(failures), outcome.failures
    assert all(words in failure for words, failure in zip(failures, outcome.failures, strict=True))


@pytest.mark.parametrize(
    ("case", "words"),
    [
        (Case("c", row=row(1), expect="haevy"), "did you mean 'heavy'?"),
        (Case("c", row={"feature": {}}, expect="heavy"), "did you mean 'features'?"),
        (Case("c", row=row(1), becomes=row(2), rises="hevy"), "did you mean 'heavy'?"),
        (Case("c", row={}, expect="heavy"), "no 'features'"),
        (Case("c", row=row(1), contains="x"), "write text"),
    ],
)
def test_a_case_that_the_model_cannot_be_asked_is_refused(model: Model, case: Case, words: str) -> None:
    with pytest.raises(InputError) as caught:
        check_case(case, model)
    assert words in str(caught.value)


def written(folder: Path, expect: str) -> Source:
    path = folder / "weights.suite.yaml"
    path.write_text(
        f"suite: 1\ncases:\n  - name: heavy things\n    row: {{features: {{weight: 90, colour: a}}}}\n"
        f"    expect: {expect}\n"
    )
    return fetch(str(path))


def test_the_step_keeps_the_contract_and_counts(model: Model, tmp_path: Path) -> None:
    report = check_step("test", [model, written(tmp_path, "light")], {"generated": False})
    assert isinstance(report, Report)
    measures = report.findings.measures
    assert (measures["tests_passed"].value, measures["tests_failed"].value) == (0.0, 1.0)
    assert report.findings.tables[1].rows[0][0] == "heavy things"
    passed, failed = report.findings.figures[0].series
    assert sum(value or 0 for value in failed.y) == measures["tests_failed"].value
    assert sum(value or 0 for value in passed.y) + sum(value or 0 for value in failed.y) == measures["tests_failed"].n


def test_the_command_ends_with_one_where_a_case_fails(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))
    words = ["test", str(model.path), str(written(tmp_path, "light").path), "--no-generated", "--json"]
    assert main(words) == 1
    assert json.loads(capsys.readouterr().out)["measures"]["tests_failed"]["value"] == 1
    written(tmp_path, "heavy")
    assert main(words) == 0
    written(tmp_path, "haevy")
    assert main(words) == 2


@pytest.fixture(scope="module")
def text_predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor(adopted(tmp_path_factory.mktemp("text"), "text-classification"))


def adopted(folder: Path, task: str) -> Model:
    writers = {
        "text-classification": tiny.write_encoder,
        "text-generation": tiny.write_causal,
        "image-classification": tiny.write_vision,
    }
    source = Source("tiny", writers[task](folder / "source"), "", {})
    (folder / "out").mkdir()
    data = None if task == "text-generation" else tiny.labelled("bright", "dark")
    return lookup.task(task).adopt(source, folder / "out", data=data, seed=0)


@pytest.mark.parametrize("task", ["text-classification", "text-generation", "image-classification"])
def test_generated_input_breaks_no_model(tmp_path: Path, task: str) -> None:
    with Predictor(adopted(tmp_path, task)) as predictor:
        cases = generated_cases(predictor.model, predictor.processor)
        assert len(cases) >= 18
        outcomes = [run_case(case, predictor) for case in cases]
    assert {item.case.name: item.failures for item in outcomes if not item.passed} == {}


def test_generated_input_breaks_no_model_of_tables(predictor: Predictor) -> None:
    cases = generated_cases(predictor.model, predictor.processor)
    assert {"generated: features: every number is not a number", "generated: features: without the column colour"} <= {
        case.name for case in cases
    }
    outcomes = [run_case(case, predictor) for case in cases]
    assert {item.case.name: item.failures for item in outcomes if not item.passed} == {}


def test_images_lie_beside_their_suite(tmp_path: Path) -> None:
    (tmp_path / "suite").mkdir()
    (tmp_path / "suite" / "a.png").write_bytes(tiny.image("bright"))
    (tmp_path / "b.png").write_bytes(tiny.image("bright"))
    case = read_images(Case("c", row={"image": "a.png"}, outcome="answered"), tmp_path / "suite")
    assert case.row == {"image": tiny.image("bright")}
    for outside in ("../b.png", str(tmp_path / "b.png"), "c.png"):
        with pytest.raises(InputError, match="no image"):
            read_images(Case("c", row={"image": outside}, outcome="answered"), tmp_path / "suite")
