"""Balancing changes the training split alone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.utils.class_weight import compute_class_weight

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.engines.local import execute

TRAIN = ["ham"] * 20 + ["spam"] * 3 + ["eggs"] * 7
TEST = ["ham"] * 5 + ["spam", "eggs"]


def make(folder: Path, **extra: list[Any]) -> Dataset:
    folder.mkdir()
    splits = {
        name: pa.table(
            {ROW_ID: range(len(labels)), "text": [f"{name} {n}" for n in range(len(labels))], "label": labels}
        )
        for name, labels in {"train": TRAIN, "test": TEST}.items()
    }
    for role, values in extra.items():
        splits = {name: table.append_column(role, pa.array(values[: len(table)])) for name, table in splits.items()}
    return Dataset.write(folder, splits, parents=[], labels=["eggs", "ham", "spam"], profile={"rows": 37})


def run(name: str, data: Dataset, out: Path, **options: Any) -> Dataset:
    step = lookup.step(name)
    out.mkdir()
    result = execute(step, [data], step.check_options(options), out=out, scratch=out)
    assert isinstance(result, Dataset)
    result.verify()
    return result


def test_balance_alone_oversamples() -> None:
    assert lookup.step("balance").name == "balance oversample"
    assert lookup.step("balance weights").needs == {"labels"}


@pytest.mark.parametrize(("ratio", "counts"), [(1.0, (20, 20, 20)), (0.5, (20, 10, 10)), (0.0, (20, 3, 7))])
def test_classes_reach_the_ratio(tmp_path: Path, ratio: float, counts: tuple[int, ...]) -> None:
    data = make(tmp_path / "data")
    balanced = run("balance oversample", data, tmp_path / "out", ratio=ratio)
    assert Counter(balanced.column("train", "label")) == dict(zip(("ham", "spam", "eggs"), counts, strict=True))
    originals = {row["row"]: row for row in data.rows("train")}
    assert all(row == originals[row["row"]] for row in balanced.rows("train"))
    assert {row["row"] for row in balanced.rows("train")} == set(originals)
    assert balanced.table("test") == data.table("test")
    assert balanced.labels == data.labels
    made = {"eggs": counts[2], "ham": counts[0], "spam": counts[1]}
    change = {"change": "balance oversample", "rows": sum(counts), "classes": made}
    assert balanced.profile == {**data.profile, "changes": [change]}


def test_the_seed_decides(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    digests = [run("balance", data, tmp_path / str(n), seed=seed).digest for n, seed in enumerate((1, 1, 2))]
    assert digests[0] == digests[1] != digests[2]


def test_weights_are_those_of_scikit_learn(tmp_path: Path) -> None:
    data = make(tmp_path / "data")
    weighted = run("balance weights", data, tmp_path / "out")
    names = sorted(set(TRAIN))
    expected = dict(zip(names, compute_class_weight("balanced", classes=np.array(names), y=TRAIN), strict=True))
    for row in weighted.rows("train"):
        assert row["weight"] == pytest.approx(expected[row["label"]], rel=1e-12)
    assert weighted.column("test", "weight") == [1.0] * len(TEST)
    assert weighted.roles == (*data.roles, "weight")
    assert weighted.table("train").drop(["weight"]) == data.table("train")


def test_weights_that_are_there_are_multiplied(tmp_path: Path) -> None:
    data = make(tmp_path / "data", weight=[2.0] * 30)
    weighted = run("balance weights", data, tmp_path / "out")
    assert weighted.roles == data.roles
    assert sum(weighted.column("train", "weight")) == pytest.approx(60)
    assert weighted.column("test", "weight") == [2.0] * len(TEST)


@pytest.mark.parametrize("name", ["balance oversample", "balance weights"])
def test_what_it_cannot_balance(tmp_path: Path, name: str) -> None:
    data = make(tmp_path / "data")
    (tmp_path / "plain").mkdir()
    (tmp_path / "untrained").mkdir()
    plain = Dataset.write(tmp_path / "plain", {"train": data.table("train").drop(["label"])}, parents=[])
    untrained = Dataset.write(tmp_path / "untrained", {"test": data.table("test")}, parents=[], labels=data.labels)
    with pytest.raises(InputError, match="no label"):
        run(name, plain, tmp_path / "1")
    with pytest.raises(InputError, match="no split 'train'"):
        run(name, untrained, tmp_path / "2")
    assert not list((tmp_path / "1").iterdir())
    assert not list((tmp_path / "2").iterdir())
