"""``modelyard audit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import main
from modelyard.core.access import Role
from modelyard.yard.yard import Yard
from tests.yard.test_yard_audit import forge


@pytest.fixture(autouse=True)
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))
    yard = Yard.default()
    yard.add_key("first", Role.VIEWER, actor="ann\x1b[31m")
    yard.record("load", "sms", {"version": 1})
    return yard


def run_json(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    assert main(["audit", *words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_events_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert [event["action"] for event in run_json(capsys, "list")["events"]] == ["add key", "load"]
    assert [event["details"] for event in run_json(capsys, "list", "--name", "sms")["events"]] == [{"version": 1}]
    assert main(["audit", "list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "'ann\\x1b[31m'" in first
    assert "load  sms" in second


def test_a_log_that_was_cut_off_does_not_meet_its_anchor(
    yard: Yard, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "anchors")
    assert main(["audit", "anchor", "--file", file]) == 0
    assert yard.events()[-1].hash in capsys.readouterr().out
    assert run_json(capsys, "verify", "--anchor", file) == {"problem": None, "anchors": 1}
    assert main(["audit", "anchor"]) == 0
    assert json.loads(capsys.readouterr().out)["number"] == 2
    forge(yard, "DELETE FROM events WHERE number = 2")
    assert run_json(capsys, "verify") == {"problem": None, "anchors": 0}
    assert run_json(capsys, "verify", "--anchor", file, code=1)["problem"]["where"] == "event 2"
    assert main(["audit", "verify", "--anchor", file]) == 1
    assert main(["audit", "anchor", "--file", file]) == 1
    assert main(["audit", "verify", "--anchor", str(tmp_path / "none")]) == 2
