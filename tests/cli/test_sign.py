"""``modelyard sign``, and the words of ``modelyard keys`` that are about signatures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.cli.main import main
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.yard import Yard


@pytest.fixture(autouse=True)
def yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    """With one version, ``sms:1``."""
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "yard"))
    monkeypatch.chdir(tmp_path)
    yard = Yard.default()
    for name in ("model", "release"):
        (tmp_path / name).mkdir()
    (tmp_path / "model" / "weights").write_bytes(b"weights")
    model = yard.put(Model.write(tmp_path / "model", task="text-classification", runtime="torch", base="x", parents=[]))
    release = Release.write(
        tmp_path / "release",
        name="sms",
        model=model,
        data=None,
        reports=[],
        recipe="modelyard: 1\n",
        lock={},
        judgements=[],
        measures={},
    )
    yard.publish(yard.put(release))
    return yard


@pytest.fixture
def run_json(capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    def run(*words: str) -> Any:
        assert main([*words, "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return run


def test_a_release_is_signed_and_shown_as_signed(
    run_json: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    public = run_json("keys", "signing-new", "--file", "desk.pem")
    assert (public["label"], public["withdrawn"]) == ("desk.pem", False)
    assert run_json("show", "sms")["signatures"] == []
    signed = run_json("sign", "sms", "--key", "desk.pem")["signatures"]
    assert [(item["signer"], item["state"]) for item in signed] == [(public["id"], "good")]
    assert run_json("show", "sms")["signatures"] == signed
    assert run_json("keys", "list")["signers"] == [public]
    assert main(["show", "sms"]) == 0
    assert f"signed   {public['id']} desk.pem  good" in capsys.readouterr().out
    assert run_json("keys", "distrust", public["id"])["withdrawn"]
    assert run_json("show", "sms")["signatures"][0]["state"] == "withdrawn"
    assert run_json("keys", "trust", "desk.pem.pub", "--label", "again")["id"] == public["id"]
    assert run_json("show", "sms")["signatures"][0] == {**signed[0], "label": "again"}


@pytest.mark.parametrize(
    "words", [["serve", "sms", "--require-signature"], ["serve", "sms", "--signer", "desk.pem.pub"]]
)
def test_what_is_not_signed_is_not_served(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "signing-new", "--file", "desk.pem"]) == 0
    assert main(words) == 2
    assert "sms:1 has no signature that counts: none" in capsys.readouterr().err


def test_a_yard_may_ask_for_signatures(yard: Yard, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "require-signatures", "on"]) == 0
    for words in (["serve", "sms"], ["predict", "sms", "text"]):
        assert main(words) == 2
        assert "sms:1 has no signature that counts" in capsys.readouterr().err
    assert main(["keys", "require-signatures", "off"]) == 0
    assert [event.action for event in yard.events()] == ["publish", "require signatures", "require signatures"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sign", "sms"], "--key"),
        (["sign", "sms", "--key", "none"], "no key can be read"),
        (["sign", "other", "--key", "desk.pem"], "no release is named"),
        (["keys", "signing-new", "--file", "desk.pem"], "never written over"),
        (["keys", "signing-new", "--file", "yard/key.pem"], "does not lie in the yard"),
        (["keys", "trust", "desk.pem"], "no Ed25519 public key"),
        (["keys", "distrust", "x"], "use one of"),
        (["serve", "sms", "--signer", "desk.pem"], "no Ed25519 public key"),
        (["serve", "sms", "--tls-cert", "x"], "--tls-cert and --tls-key"),
    ],
)
def test_mistakes(words: list[str], expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "signing-new", "--file", "desk.pem"]) == 0
    capsys.readouterr()
    assert main(words) == 2
    assert expected in capsys.readouterr().err
