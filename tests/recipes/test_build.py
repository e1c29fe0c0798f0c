"""Building on a tiny project: reuse, locks, verdicts, promotion, and a kill at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.cli.main import main
from modelyard.core.errors import InputError, IntegrityError
from modelyard.recipes.build import build, preview
from modelyard.yard.yard import Yard


def test_a_build_gives_a_judged_release_and_the_second_does_no_work(converting: Path, yard: Yard) -> None:
    first = build(converting, yard)
    assert first.version.reference == "tiny-spam:1"
    assert first.verdict.value == "met"
    assert not any(result.reused for _, result in first.results)
    told = {item["measure"]: item["verdict"] for item in first.to_json()["requirements"]}
    assert told == {"accuracy": "met", "error_rate": "judged in production", "f1": "met"}
    assert "judged in production" in first.report.read_text()
    model = yard.model(first.version)
    assert [spec.name for spec in model.transforms] == ["mask"]
    assert model.runtime == "onnxruntime"
    assert "requirement" in first.report.read_text().lower()
    second = build(converting, yard)
    assert all(result.reused for _, result in second.results)
    assert second.version == first.version
    assert yard.verify() == []
    # A changed last step runs only that step, on the release and on what it is compared with.
    converting.write_text(converting.read_text().replace("- evaluate", "- evaluate: {confidence: 0.9}"))
    expected = {"4 evaluate", "4 evaluate of base", "4 evaluate against base"}
    assert {node.id for node, reused in preview(converting, yard) if not reused} == expected
    done = {name for name, result in build(converting, yard).results if not result.reused}
    assert done == expected


def test_a_dry_run_runs_nothing(project: Path, yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "recipe.yaml", "--dry-run"]) == 0
    assert "run    2 finetune full" in capsys.readouterr().out
    assert yard.names() == []
    assert not (project / "recipe.lock").exists()


def test_the_lock_pins_what_came_from_outside(project: Path, yard: Yard) -> None:
    recipe = project / "recipe.yaml"
    with pytest.raises(InputError, match="there is no lock"):
        build(recipe, yard, locked=True)
    first = build(recipe, yard)
    lock = json.loads((project / "recipe.lock").read_text())
    assert set(lock["sources"]) == {"./encoder", "./texts.csv"}
    assert build(recipe, yard, locked=True).version == first.version
    with (project / "texts.csv").open("a") as file:
        file.write("one more row,ham\n")
    with pytest.raises(IntegrityError, match="--locked"):
        build(recipe, yard, locked=True)
    assert build(recipe, yard).version.number == 2


def test_json_is_one_object_with_finite_numbers(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "recipe.yaml", "--json"]) == 0
    out = capsys.readouterr().out
    body = json.loads(out, parse_constant=lambda word: pytest.fail(f"not finite: {word}"))
    assert out.count("\n") == 1
    assert body["release"] == "tiny-spam:1"
    assert body["verdict"] == "met"
    assert {item["measure"] for item in body["requirements"]} == {"accuracy", "error_rate"}
    assert set(body["requirements"][0]) >= {"measure", "bound", "value", "low", "high", "verdict"}
    assert {"name", "reused", "seconds"} == set(body["steps"][0])
    assert Path(body["report"]).is_file()
    # A step by itself takes a release's name for its model, and for the data that it was made of.
    assert main(["evaluate", "tiny-spam", "tiny-spam:1", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["measures"]
    assert again["accuracy"]["value"] == body["measures"]["accuracy"]["value"]
    assert main(["evaluate", "tiny-spam", "tiny-spm"]) == 2
    assert "tiny-spm" in capsys.readouterr().err


def test_an_unmet_release_is_kept_and_promoted_only_by_force(
    project: Path, yard: Yard, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = project / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace('">= 0.6"', '">= 1.01"'))
    assert main(["build", "recipe.yaml"]) == 1
    assert main(["promote", "tiny-spam:1"]) == 2
    assert "force" in capsys.readouterr().err
    assert main(["promote", "tiny-spam:1", "--force"]) == 0
    assert yard.resolve("tiny-spam@production").number == 1
    assert any("force" in json.dumps(event.details) for event in yard.history("tiny-spam"))


def test_too_small_a_sample_is_inconclusive(project: Path) -> None:
    recipe = project / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace('">= 0.6"', "{at_least: 0.99, confidence: 0.95}"))
    assert main(["build", "recipe.yaml"]) == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("text: message", "text: mesage", "'message'"),
        ("./texts.csv", "./text.csv", "text.csv"),
        ("./encoder", "./encoders", "encoders"),
        ("by: label", "by: labell", "label"),
        ('accuracy: ">= 0.6"', "accuracy: {max_drop: 0.2, against: yard:none@production}", "none"),
    ],
)
def test_bad_input_is_said_before_anything_runs(
    project: Path, yard: Yard, capsys: pytest.CaptureFixture[str], old: str, new: str, words: str
) -> None:
    recipe = project / "recipe.yaml"
    assert old in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(old, new))
    assert main(["build", "recipe.yaml"]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert "recipe.yaml, line" in error
    assert "Traceback" not in error
    assert yard.names() == []


def test_a_release_can_be_the_reference_and_the_start_of_the_next(project: Path, yard: Yard) -> None:
    build(project / "recipe.yaml", yard)
    yard.promote("tiny-spam:1")
    text = (project / "recipe.yaml").read_text()
    (project / "next.yaml").write_text(
        text.replace("epochs: 8", "epochs: 7") + "  f1: {max_drop: 0.5, against: yard:tiny-spam@production}\n"
    )
    built = build(project / "next.yaml", yard)
    assert built.version.number == 2
    assert "3 evaluate against yard:tiny-spam@production" in dict(built.results)
    (judged,) = [item for item in built.page.requirements if item["measure"] == "f1"]
    assert judged["value"] is not None
    assert yard.promote("tiny-spam").number == 2
    assert yard.rollback("tiny-spam").number == 1


@pytest.mark.slow
def test_killed_at_any_moment_it_finishes_with_the_same_result(project: Path, converting: Path) -> None:
    """SIGKILL at six random moments of the run's length, then once to the end."""
    expected = _outcome(_build(project, project / "reference", kill_after=None))
    moments = random.Random(0)
    for _ in range(6):
        _build(project, project / "yard", kill_after=moments.uniform(0.5, 12.0))
    assert _outcome(_build(project, project / "yard", kill_after=None)) == expected
    yard = Yard(project / "yard")
    assert yard.verify() == []
    assert [version.number for version in yard.versions("tiny-spam")] == [1]


def _build(project: Path, home: Path, kill_after: float | None) -> str:
    command = [sys.executable, "-m", "modelyard.cli.main", "build", "converting.yaml", "--json"]
    environment = {**os.environ, "MODELYARD_HOME": str(home)}
    process = subprocess.Popen(
        command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        return process.communicate(timeout=kill_after or 300)[0]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return ""


def _outcome(printed: str) -> tuple[object, ...]:
    body = json.loads(printed)
    return body["model"], body["verdict"], body["requirements"], body["measures"]
