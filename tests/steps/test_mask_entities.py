"""Names of people, places and organisations are masked with a model, which travels with the data."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.predictor import apply_transforms
from modelyard.core.secret_keys import new_secret_key
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import check_step, tiny

LABELS = {"Maria": "B-PER", "Lopez": "I-PER", "Berlin": "B-LOC", "Acme": "B-ORG", "Ltd": "I-ORG"}
TEXTS = [
    "Maria Lopez of Acme Ltd, Berlin: 13812345678",
    None,
    "maria@acme.com asked Maria",
    "nothing here, 12.50",
]


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = tiny.write_token_classifier(tmp_path_factory.mktemp("names"), LABELS)
    return Source("names", folder, "sha256:0", {})


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    (tmp_path / "data").mkdir()
    table = pa.table({ROW_ID: range(4), "text": TEXTS})
    return Dataset.write(tmp_path / "data", {"train": table, "test": table.slice(2)}, parents=[])


def run(data: Dataset, names: Source | None, out: Path, **options: Any) -> Dataset:
    step = lookup.step("mask")
    out.mkdir()
    result = execute(step, [data, names], step.check_options(options), out=out, scratch=out)
    assert isinstance(result, Dataset)
    result.verify()
    return result


def test_by_default_all_that_is_found_is_masked(data: Dataset, names: Source, tmp_path: Path) -> None:
    masked = run(data, names, tmp_path / "out")
    wanted = ["[PERSON] of [ORGANISATION], [PLACE]: [PHONE]", None, "[EMAIL] asked [PERSON]", TEXTS[3]]
    assert masked.column("train", "text") == wanted
    assert masked.column("test", "text") == wanted[2:]
    (spec,) = masked.transforms
    assert spec.options["kinds"][-3:] == ["person", "place", "organisation"]


def test_a_request_is_masked_as_the_data_were_when_the_source_is_gone(
    data: Dataset, names: Source, tmp_path: Path
) -> None:
    copied = tmp_path / "copy"
    shutil.copytree(names.path, copied)
    masked = run(data, Source("names", copied, "", {}), tmp_path / "out", kinds=["person", "phone"])
    shutil.rmtree(copied)
    assert masked.column("train", "text")[0] == "[PERSON] of Acme Ltd, Berlin: [PHONE]"
    assert apply_transforms(masked.transforms, data.rows("train")) == masked.rows("train")
    assert apply_transforms(masked.transforms, [{"text": "Maria!"}]) == [{"text": "[PERSON]!"}]


def test_the_same_twice(data: Dataset, names: Source, tmp_path: Path) -> None:
    first = run(data, names, tmp_path / "1", kinds=["place", "person"])
    assert first.digest == run(data, names, tmp_path / "2", kinds=["person", "place"]).digest


def test_strategies_and_the_allowed(
    data: Dataset, names: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELYARD_KEYS", str(tmp_path / "keys"))
    key = new_secret_key().id
    kinds = ["person", "organisation", "place"]
    hashed = run(data, names, tmp_path / "hash", kinds=kinds, strategy="hash", key=key).column("train", "text")
    assert hashed[0].startswith("[PERSON:")
    assert "[ORGANISATION:" in hashed[0]
    assert hashed[2].startswith("maria@acme.com asked [PERSON:")
    made = run(data, names, tmp_path / "surrogate", kinds=kinds, strategy="surrogate", key=key).column("train", "text")
    person, place = made[0][:11], made[0].partition(", ")[2][:6]
    assert [len(word) for word in person.split()] == [5, 5]
    assert person != "Maria Lopez"
    assert place.istitle()
    assert place != "Berlin"
    coarse = run(data, names, tmp_path / "coarse", strategy="generalise", allow=["berlin", "MARIA LOPEZ"])
    assert coarse.column("train", "text")[0] == "Maria Lopez of [ORGANISATION], Berlin: 138********"


def test_the_step_keeps_the_contract(data: Dataset, names: Source) -> None:
    check_step("mask", [data, names], {})


def test_features_of_a_table(names: Source, tmp_path: Path) -> None:
    kind = pa.struct([("note", pa.string()), ("age", pa.float64())])
    rows = [{"note": "Maria asked", "age": 3.0}, {"note": None, "age": 4.0}]
    (tmp_path / "table").mkdir()
    table = pa.table({ROW_ID: range(2), "features": pa.array(rows, kind)})
    data = Dataset.write(tmp_path / "table", {"train": table}, parents=[])
    masked = run(data, names, tmp_path / "out", roles=["features"])
    assert masked.column("train", "features") == [{"note": "[PERSON] asked", "age": 3.0}, rows[1]]


@pytest.mark.parametrize(
    ("options", "given", "words"),
    [
        ({"kinds": ["person"]}, False, "'person' has no pattern"),
        ({"kinds": ["phone"]}, True, "nothing to find"),
        ({"kinds": ["persn"]}, True, "did you mean 'person'"),
    ],
)
def test_what_does_not_fit(
    data: Dataset, names: Source, tmp_path: Path, options: dict[str, Any], given: bool, words: str
) -> None:
    with pytest.raises(InputError) as caught:
        run(data, names if given else None, tmp_path / "out", **options)
    assert words in str(caught.value)
    assert not list((tmp_path / "out").iterdir())
