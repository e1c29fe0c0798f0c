"""The command line: errors, exit codes, and commands that are read off the steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelyard.cli.main import Parser, find_command, main
from modelyard.cli.steps import parse_option
from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.options import Option


@pytest.fixture(autouse=True)
def own_yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["biuld", "x.yaml"], "did you mean 'build'?"),
        (["quantise", "dynamic"], "quantize"),
        (["build"], "the following arguments are required: RECIPE"),
        (["build", "none.yaml"], "there is no recipe 'none.yaml'"),
        (["list", "--jsn"], "unrecognized arguments: --jsn"),
        (["predict", "nothing", "text"], "no release is named 'nothing'"),
        (["quickstart", "sms-spma"], "did you mean 'sms-spam'?"),
        (["finetune", "./none", "./none"], "there is no"),
        (["evaluate", "pypi:a==1", "x"], "load it first"),
        (["show", "../../etc/passwd"], "error"),
        (["serve", "nothing", "--host", "0.0.0.0"], "no release is named"),
        (["load", "data", "none.csv"], "--columns"),
        (["load", "data", "none.csv", "--columns", "{text: a}"], "none.csv"),
    ],
)
def test_mistakes_end_with_code_2_and_a_way_out(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert expected in error
    assert "Traceback" not in error


def test_json_errors_are_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "none.yaml", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"] == "there is no recipe 'none.yaml'"


def test_the_overview_names_every_command_and_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    page = capsys.readouterr().out
    for name in ("build", "serve", "promote", *lookup.step_names()):
        assert f"  {name} " in page


@pytest.mark.parametrize("name", lookup.step_names())
def test_every_step_is_a_command_with_all_its_options(name: str) -> None:
    command, rest = find_command([*name.split(), "rest"])
    assert rest == ["rest"]
    parser = Parser(prog=name)
    command.add_arguments(parser)
    page = parser.format_help()
    step = lookup.step(name)
    for option in step.options:
        assert f"--{option.replace('_', '-')}" in page
    for parameter in step.parameters:
        assert parameter.name.upper() in page


def test_a_verb_alone_means_its_default_method() -> None:
    command, _ = find_command(["quantize", "model"])
    assert command.name == "quantize dynamic"


@pytest.mark.parametrize(
    ("annotation", "given", "expected"),
    [
        (int, "3", 3),
        (float, "2e-4", 2e-4),
        (str, "3", "3"),
        (str | None, "true", "true"),
        (bool, True, True),
        (list[int], "1,2", [1, 2]),
        (list[str], "phone,email", ["phone", "email"]),
        (list[int], "[1, 2]", [1, 2]),
        (dict[str, str], "{text: a, label: b}", {"text": "a", "label": "b"}),
        (float | None, "null", None),
    ],
)
def test_flags_are_read_as_the_option_declares(annotation: object, given: object, expected: object) -> None:
    option = Option("option", annotation, None)
    assert option.check(parse_option(option, given)) == expected


def test_a_step_runs_as_a_command_and_its_result_feeds_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "texts.csv").write_text("text,label\n" + "".join(f"mail a{n}@example.org,{n % 2}\n" for n in range(40)))
    assert main(["load", "data", "texts.csv", "--columns", "{text: text, label: label}", "--json"]) == 0
    loaded = json.loads(capsys.readouterr().out)
    assert loaded["kind"] == "dataset"
    assert main(["mask", loaded["digest"], "--kinds", "email", "--out", "masked", "--json"]) == 0
    masked = json.loads(capsys.readouterr().out)
    assert main(["mask", loaded["path"], "--kinds", "email", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {**masked, "reused": True}
    import pyarrow.parquet as pq

    texts = pq.read_table("masked/test.parquet").column("text").to_pylist()
    assert set(texts) == {"mail [EMAIL]"}
    assert main(["mask", loaded["digest"], "--out", "masked"]) == 2


def test_an_unknown_yard_digest_is_refused() -> None:
    with pytest.raises(InputError):
        find_command(["no-such-command"])
    assert main(["mask", "sha256:" + "0" * 64]) == 2
