"""Encrypted columns come back with the right key only, and are what any AES-256-GCM reads."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.secret_keys import new_secret_key, secret_key
from modelyard.engines.local import execute
from modelyard.testing import check_step

PASSWORDS = ["hunter2", "密码", None, "hunter2"]


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "keys"))
    return new_secret_key().id


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    kind = pa.struct([("age", pa.float64()), ("city", pa.string())])
    features = [{"age": 34.5, "city": "Bonn"}, {"age": None, "city": "Köln"}] * 2
    table = pa.table(
        {ROW_ID: range(4), "features": pa.array(features, kind), "password": PASSWORDS, "visits": [1, 2, 3, 4]}
    )
    (tmp_path / "data").mkdir()
    return Dataset.write(tmp_path / "data", {"train": table, "test": table.slice(0, 2)}, parents=[])


def run(name: str, data: Dataset, out: Path, **options: Any) -> Dataset:
    step = lookup.step(name)
    out.mkdir()
    result = execute(step, [data], step.check_options(options), out=out, scratch=out)
    assert isinstance(result, Dataset)
    return result


def test_there_and_back(data: Dataset, key: str) -> None:
    options = {"columns": ["password", "age", "visits"], "key": key}
    hidden = check_step("encrypt", [data], options)
    assert isinstance(hidden, Dataset)
    fields = hidden.column("train", "password")
    assert fields[2] is None
    assert all(field.startswith(f"enc1:{key}:") for field in fields if field)
    # Equal passwords do not look alike, and no other column changes.
    assert len({fields[0], fields[3], hidden.column("test", "password")[0]}) == 3
    assert [row["features"]["city"] for row in hidden.rows("train")] == ["Bonn", "Köln"] * 2
    for file in hidden.path.iterdir():
        assert b"hunter2" not in file.read_bytes()
    shown = check_step("decrypt", [hidden], options)
    assert isinstance(shown, Dataset)
    assert {split: table.to_pylist() for split, table in shown.tables().items()} == {
        split: table.to_pylist() for split, table in data.tables().items()
    }
    assert shown.table("train").schema.field("visits").type == pa.int64()


def test_any_aes_gcm_reads_it(data: Dataset, key: str, tmp_path: Path) -> None:
    field = run("encrypt", data, tmp_path / "out", columns=["password"], key=key).column("train", "password")[1]
    sealed = base64.urlsafe_b64decode(field.split(":")[2])
    cipher = AESGCM(secret_key(key).derive("encrypt"))
    assert cipher.decrypt(sealed[:12], sealed[12:], b"password").decode() == '"密码"'


def altered(field: str, column: str) -> str:
    sealed = bytearray(base64.urlsafe_b64decode(field.split(":")[2]))
    sealed[20] ^= 1
    return f"{field.rpartition(':')[0]}:{base64.urlsafe_b64encode(sealed).decode()}"


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (altered, "row 0 of train: the field does not decrypt"),
        (lambda field, column: field[:-5], "does not decrypt"),
        (lambda field, column: "plain", "no encrypted field"),
    ],
)
def test_what_does_not_decrypt(data: Dataset, key: str, tmp_path: Path, break_it: Any, words: str) -> None:
    hidden = run("encrypt", data, tmp_path / "out", columns=["password"], key=key)
    table = hidden.table("train")
    fields = [break_it(table.column("password")[0].as_py(), "password"), *table.column("password").to_pylist()[1:]]
    (tmp_path / "broken").mkdir()
    broken = Dataset.write(
        tmp_path / "broken",
        {"train": table.set_column(table.column_names.index("password"), "password", pa.array(fields))},
        parents=[],
    )
    with pytest.raises(InputError) as caught:
        run("decrypt", broken, tmp_path / "shown", columns=["password"], key=key)
    assert words in str(caught.value)
    assert not list((tmp_path / "shown").iterdir())


def test_a_field_in_another_column_and_another_key(data: Dataset, key: str, tmp_path: Path) -> None:
    hidden = run("encrypt", data, tmp_path / "out", columns=["password", "city"], key=key)
    table = hidden.table("train").rename_columns([ROW_ID, "features", "secret", "visits"])
    (tmp_path / "moved").mkdir()
    moved = Dataset.write(tmp_path / "moved", {"train": table}, parents=[])
    with pytest.raises(InputError, match="belongs to another column"):
        run("decrypt", moved, tmp_path / "shown", columns=["secret"], key=key)
    other = new_secret_key().id
    with pytest.raises(InputError, match=f"encrypted with the key {key}, not with {other}"):
        run("decrypt", hidden, tmp_path / "wrong", columns=["password"], key=other)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": ["passwrod"]}, "did you mean 'password'"),
        ({"columns": []}, "no column is named"),
        ({"columns": ["row"]}, "what the model learns from"),
        ({"columns": ["password"], "key": "0" * 16}, "is not here"),
    ],
)
def test_bad_input(data: Dataset, key: str, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        run("encrypt", data, tmp_path / "out", **{"key": key, **options})
    assert words in str(caught.value)
