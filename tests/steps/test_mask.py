"""Masking data and masking a request are the same act."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.predictor import apply_transforms
from modelyard.core.secret_keys import new_secret_key
from modelyard.core.transform import TransformSpec, pending_transforms
from modelyard.engines.local import execute
from modelyard.methods.personal_data import KINDS

TEXTS = ["call 08712300220", None, "mail a@b.com or see www.x.org", "nothing here, 12.50"]
MASKED = ["call [PHONE]", None, "mail [EMAIL] or see [URL]", "nothing here, 12.50"]


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    (tmp_path / "data").mkdir()
    table = pa.table({ROW_ID: range(4), "text": TEXTS, "reply": TEXTS[::-1], "length": [1, 2, 3, 4]})
    return Dataset.write(tmp_path / "data", {"train": table, "test": table.slice(1)}, parents=[])


def run(data: Dataset, out: Path, **options: Any) -> Dataset:
    step = lookup.step("mask")
    out.mkdir()
    result = execute(step, [data], step.check_options(options), out=out, scratch=out)
    assert isinstance(result, Dataset)
    result.verify()
    return result


def test_every_split_is_masked_and_says_how(data: Dataset, tmp_path: Path) -> None:
    masked = run(data, tmp_path / "out")
    assert masked.column("train", "text") == MASKED
    assert masked.column("test", "text") == MASKED[1:]
    assert masked.table("train").drop(["text"]) == data.table("train").drop(["text"])
    assert masked.table("train").schema == data.table("train").schema
    assert masked.transforms == (TransformSpec("mask", {"kinds": list(KINDS), "roles": ["text"]}),)


def test_a_request_is_masked_as_the_data_were(data: Dataset, tmp_path: Path) -> None:
    masked = run(data, tmp_path / "out", kinds=["url", "phone"], roles=["text", "reply"])
    served = apply_transforms(masked.transforms, data.rows("train"))
    assert served == masked.rows("train")
    assert pending_transforms(masked.transforms, masked.transforms) == ()
    assert apply_transforms(masked.transforms, [{"text": "08712300220"}]) == [{"text": "[PHONE]"}]


def test_the_order_of_options_does_not_matter(data: Dataset, tmp_path: Path) -> None:
    first = run(data, tmp_path / "1", kinds=["url", "phone"], roles=["text", "reply"])
    second = run(data, tmp_path / "2", kinds=["phone", "url"], roles=["reply", "text"])
    assert first.digest == second.digest


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"roles": ["txt"]}, "did you mean 'text'"),
        ({"roles": ["length"]}, "holds no text"),
        ({"kinds": ["fone"]}, "did you mean 'phone'"),
    ],
)
def test_what_it_cannot_mask(data: Dataset, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(data, tmp_path / "out", **options)
    assert not list((tmp_path / "out").iterdir())


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "keys"))
    return new_secret_key().id


@pytest.fixture
def people(tmp_path: Path) -> Dataset:
    """The table of the exercise: names, ages, passwords; and free text among the features."""
    rows = [
        {"name": "admin", "age": 34.0, "note": "ring 13812345678"},
        {"name": "Alice", "age": 35.0, "note": None},
        {"name": "Bob", "age": None, "note": "a@b.com"},
        {"name": "Alice", "age": 61.5, "note": "none"},
    ]
    kind = pa.struct([("name", pa.string()), ("age", pa.float64()), ("note", pa.string())])
    table = pa.table({ROW_ID: range(4), "features": pa.array(rows, kind), "label": ["a", "b", "a", "b"]})
    (tmp_path / "people").mkdir()
    return Dataset.write(tmp_path / "people", {"train": table}, parents=[], labels=["a", "b"])


def features(data: Dataset, name: str) -> list[Any]:
    return [row["features"][name] for row in data.rows("train")]


def test_columns_of_a_table(people: Dataset, tmp_path: Path) -> None:
    columns = {"name": "redact", "age": {"strategy": "generalise", "width": 10}}
    masked = run(people, tmp_path / "out", columns=columns, roles=["features"], allow=["Admin"])
    assert features(masked, "name") == ["admin", "[NAME]", "[NAME]", "[NAME]"]
    assert features(masked, "age") == [35.0, 35.0, None, 65.0]
    assert features(masked, "note") == ["ring [PHONE]", None, "[EMAIL]", "none"]
    assert masked.table("train").schema == people.table("train").schema
    assert apply_transforms(masked.transforms, people.rows("train")) == masked.rows("train")


def test_keyed_columns_are_consistent_and_the_key_stays_outside(people: Dataset, key: str, tmp_path: Path) -> None:
    columns = {"name": "surrogate", "age": {"strategy": "noise", "scale": 2}}
    masked = run(people, tmp_path / "out", columns=columns, allow=["admin"], key=key)
    names, ages = features(masked, "name"), features(masked, "age")
    assert names[0] == "admin"
    assert names[1] == names[3] != "Alice"
    assert [len(name) for name in names] == [5, 5, 3, 5]
    assert ages[2] is None
    assert ages[0] == round(ages[0])
    assert abs(ages[0] - 34) < 60
    assert apply_transforms(masked.transforms, people.rows("train")) == masked.rows("train")
    secret = next((tmp_path / "keys").iterdir()).read_text().strip()
    assert all(secret.encode() not in file.read_bytes() for file in masked.path.iterdir())
    served = apply_transforms(masked.transforms, [{"features": {"name": "Alice", "age": 34.0, "note": None}}])
    assert served[0]["features"]["name"] == names[1]


def test_noise_of_different_rows_is_independent_and_has_its_scale(key: str, tmp_path: Path) -> None:
    kind = pa.struct([("age", pa.float64()), ("row", pa.float64())])
    rows = [{"age": 40.0, "row": float(number)} for number in range(2000)]
    (tmp_path / "many").mkdir()
    table = pa.table({ROW_ID: range(2000), "features": pa.array(rows, kind)})
    data = Dataset.write(tmp_path / "many", {"train": table}, parents=[])
    masked = run(data, tmp_path / "out", columns={"age": {"strategy": "noise", "scale": 3}}, key=key)
    noise = [age - 40 for age in features(masked, "age")]
    assert abs(sum(noise) / 2000) < 0.5
    # The mean of abs(z) of Laplace noise is its scale.
    assert 2.6 < sum(map(abs, noise)) / 2000 < 3.4


@pytest.mark.parametrize("strategy", ["hash", "surrogate", "generalise"])
def test_strategies_in_texts(data: Dataset, key: str, tmp_path: Path, strategy: str) -> None:
    masked = run(data, tmp_path / "out", strategy=strategy, key=key, kinds=["phone", "email"], roles=["text", "reply"])
    first, _, mail, plain = masked.column("train", "text")
    assert first.startswith("call ")
    assert "08712300220" not in first
    assert mail.endswith(" or see www.x.org")
    assert plain == TEXTS[3]
    assert masked.column("train", "reply") == [plain, mail, None, first]
    assert apply_transforms(masked.transforms, data.rows("train")) == masked.rows("train")


def test_without_the_key_nothing_is_masked(
    data: Dataset, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked = run(data, tmp_path / "out", strategy="hash", key=key)
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match="MODELYARD_KEYS"):
        apply_transforms(masked.transforms, [{"text": "call 08712300220"}])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": {"nam": "redact"}}, "did you mean 'name'"),
        ({"columns": {"age": "redact"}}, "holds numbers"),
        ({"columns": {"age": "generalise"}}, "no width"),
        ({"columns": {"name": {"strategy": "noise", "scale": 1}}}, "holds text"),
        ({"columns": {"label": "redact"}}, "what the model learns from"),
        ({"columns": {"name": "hash"}}, "keys secret-new"),
        ({"columns": {"name": "shred"}}, "one of redact, hash"),
        ({}, "say where to look"),
    ],
)
def test_what_it_cannot_do_to_columns(people: Dataset, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as caught:
        run(people, tmp_path / "out", **options)
    assert words in str(caught.value)
