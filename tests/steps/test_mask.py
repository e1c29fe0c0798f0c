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
from modelyard.core.transform import TransformSpec, pending_transforms
from modelyard.engines.local import execute

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
    assert masked.transforms == (
        TransformSpec("mask", {"kinds": ["phone", "email", "url", "card", "id"], "roles": ["text"]}),
    )


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
