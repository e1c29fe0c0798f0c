"""Secret keys lie in files of their own that nobody else reads, and are called by an id."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from modelyard.cli.main import main
from modelyard.core.errors import InputError
from modelyard.core.secret_keys import SecretKey, new_secret_key, secret_key


@pytest.fixture(autouse=True)
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "keys"))
    return tmp_path / "keys"


def test_a_new_key_is_found_by_its_id(keys: Path) -> None:
    key = new_secret_key()
    (file,) = keys.iterdir()
    assert file.name == f"{key.id}.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_key(key.id).derive("x") == key.derive("x")
    assert key.derive("x") != key.derive("y")
    assert key._raw.hex() not in repr(key) + key.id
    assert new_secret_key().id != key.id


def test_the_command_prints_the_id_and_not_the_key(keys: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["keys", "secret-new", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (keys / f"{told['id']}.key").is_file()
    assert (keys / f"{told['id']}.key").read_text().strip() not in json.dumps(told)


def test_what_is_no_key(keys: Path) -> None:
    key = new_secret_key()
    with pytest.raises(InputError, match="is not here"):
        secret_key("0" * 16)
    with pytest.raises(InputError, match="no id of a key"):
        secret_key("../" + key.id)
    (keys / f"{'1' * 16}.key").write_text((keys / f"{key.id}.key").read_text())
    (keys / f"{'1' * 16}.key").chmod(0o600)
    with pytest.raises(InputError, match="does not hold the key"):
        secret_key("1" * 16)


def test_a_file_that_others_may_read_is_refused(keys: Path) -> None:
    key = new_secret_key()
    (keys / f"{key.id}.key").chmod(0o640)
    with pytest.raises(InputError, match="others may read") as caught:
        secret_key(key.id)
    assert "chmod 600" in str(caught.value)


def test_the_derivation_is_what_it_says() -> None:
    """HMAC-SHA256, so that data can be decrypted without this system."""
    import hashlib
    import hmac

    expected = hmac.new(b"\x01" * 32, b"modelyard mask", hashlib.sha256).digest()
    assert SecretKey(b"\x01" * 32).derive("mask") == expected
