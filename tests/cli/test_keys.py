"""``modelyard keys``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.commands.keys import read_time
from modelyard.cli.main import main
from modelyard.core.access import hash_token
from modelyard.core.errors import InputError
from modelyard.yard.yard import Yard

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def own_yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))


def run_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_key_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "add", "--label", "shop", "--models", "sms-*", "chat", "--rate", "5", "--expires", "30d"]) == 0
    shown = capsys.readouterr()
    token = shown.out.strip()
    (kept,) = Yard.default().list_keys()
    assert kept.hash == hash_token(token)
    assert "not shown again" in shown.err
    assert main(["keys", "list"]) == 0
    line = capsys.readouterr().out
    assert token[-64:] not in line
    assert all(part in line for part in (kept.id, "active", "predict", "sms-*,chat", "5/s", "expires", "shop"))


def test_machines_read_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    added = run_json(capsys, "keys", "add", "--label", "run", "--role", "operator")
    listed = run_json(capsys, "keys", "list")["keys"]
    assert listed == [{key: value for key, value in added.items() if key != "token"}]
    assert (listed[0]["role"], listed[0]["models"], listed[0]["per_second"]) == ("operator", ["*"], None)
    assert run_json(capsys, "keys", "revoke", added["id"])["state"] == "revoked"
    assert run_json(capsys, "keys", "list")["keys"][0]["state"] == "revoked"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["keys"], "WORD"),
        (["keys", "add"], "--label"),
        (["keys", "add", "--label", "x", "--role", "admn"], "did you mean 'admin'?"),
        (["keys", "add", "--label", "x", "--burst", "3"], "--rate N --burst N"),
        (["keys", "add", "--label", "x", "--rate", "0"], "requests a second"),
        (["keys", "add", "--label", "x", "--rate", "nan"], "requests a second"),
        (["keys", "add", "--label", "x", "--models", "../x"], "no pattern"),
        (["keys", "add", "--label", "x", "--expires", "soon"], "2030-12-31"),
        (["keys", "add", "--label", "x", "--expires", "2001-01-01"], "a time to come"),
        (["keys", "revoke", "nothing"], "modelyard keys add"),
    ],
)
def test_mistakes(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert expected in capsys.readouterr().err
    assert Yard.default().list_keys() == []


def test_times_as_people_write_them() -> None:
    assert read_time("30d", NOW) == NOW + timedelta(days=30)
    assert read_time("12h", NOW) == NOW + timedelta(hours=12)
    assert read_time("45m", NOW) == NOW + timedelta(minutes=45)
    assert read_time("2031-05-06T07:08:09+02:00", NOW) == datetime(2031, 5, 6, 5, 8, 9, tzinfo=UTC)
    assert read_time("2031-05-06", NOW) == datetime(2031, 5, 6).astimezone(UTC)


@pytest.mark.parametrize("text", ["", "d", "-3d", "3", "3 d", "3w", "٣d", "9" * 30 + "d", "tomorrow"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--expires"):
        read_time(text, NOW)
