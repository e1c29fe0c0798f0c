"""SMOTE, the focal loss and balanced ensembles on tables: who trains sees them, nobody else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from imblearn.under_sampling import RandomUnderSampler  # type: ignore[import-untyped]

from modelyard.core import lookup
from modelyard.core.dataset import CHANGES, ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.engines.local import execute
from modelyard.engines.training import read_examples
from modelyard.methods import class_balance
from modelyard.runtimes.ensemble import read_members
from modelyard.sources import fetch
from modelyard.testing import check_runtime, check_step, check_task

TYPE = pa.struct([("size", pa.float64()), ("kind", pa.string()), ("age", pa.float64())])


def write(folder: Path, *, gap: bool = False, small: int = 12) -> Dataset:
    """A hundred common rows around zero, and a few rare ones around three."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    tables = {}
    for split, counts in {"train": (100, small), "validation": (10, 4), "test": (40, 20)}.items():
        labels = ["common"] * counts[0] + ["rare"] * counts[1]
        rows: list[dict[str, Any]] = [
            {
                "size": float(random.normal(3.0 * (label == "rare"), 1.5)),
                "kind": ["round", "flat"][int(random.random() < 0.3 + 0.4 * (label == "rare"))],
                "age": float(random.normal(0, 1000)),
            }
            for label in labels
        ]
        if gap:
            rows[0]["age"] = None
        numbers = pa.array(range(len(rows)), pa.int64())
        tables[split] = pa.table({ROW_ID: numbers, "features": pa.array(rows, TYPE), "label": labels})
    return Dataset.write(folder, tables, parents=[], labels=["common", "rare"])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return write(tmp_path_factory.mktemp("balance") / "data")


def run(name: str, inputs: list[Any], out: Path, **options: Any) -> Any:
    step = lookup.step(name)
    out.mkdir(parents=True)
    (out.parent / f"{out.name} scratch").mkdir()
    made = execute(step, inputs, step.check_options(options), out=out, scratch=out.parent / f"{out.name} scratch")
    made.verify()
    return made


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_smote_fills_up_the_small_class(data: Dataset, ratio: float) -> None:
    balanced = check_step("balance smote", [data], {"ratio": ratio})
    assert isinstance(balanced, Dataset)
    assert Counter(balanced.column("train", "label")) == {"common": 100, "rare": 100 * ratio}
    before, after = data.rows("train"), balanced.rows("train")
    assert after[:112] == before
    new = after[112:]
    rare = [row for row in before if row["label"] == "rare"]
    known = {row[ROW_ID]: row for row in rare}
    sizes = [row["features"]["size"] for row in rare]
    assert all(row["label"] == "rare" and row[ROW_ID] in known for row in new)
    assert all(min(sizes) <= row["features"]["size"] <= max(sizes) for row in new)
    assert {row["features"]["kind"] for row in new} <= {"round", "flat"}
    for split in ("validation", "test"):
        assert balanced.table(split) == data.table(split)
    assert balanced.profile[CHANGES] == [
        {
            "change": "balance smote",
            "rows": len(after),
            "classes": {"common": 100, "rare": int(100 * ratio)},
        }
    ]


def test_undersampling_is_that_of_imbalanced_learn(data: Dataset) -> None:
    balanced = check_step("balance undersample", [data], {"ratio": 0.25})
    assert isinstance(balanced, Dataset)
    labels = np.array(data.column("train", "label"))
    _, theirs = RandomUnderSampler(sampling_strategy=0.25).fit_resample(labels[:, None], labels)
    assert Counter(balanced.column("train", "label")) == Counter(theirs.tolist())
    assert all(row in data.rows("train") for row in balanced.rows("train"))
    assert balanced.table("test") == data.table("test")


def test_the_focal_loss_is_asked_of_the_rows_to_learn_from(data: Dataset, tmp_path: Path) -> None:
    focal = check_step("balance focal", [data], {"gamma": 3.0})
    assert isinstance(focal, Dataset)
    assert set(focal.column("train", "focus")) == {3.0}
    assert set(focal.column("validation", "focus")) == {0.0}
    again = run("balance focal", [focal], tmp_path / "again", gamma=1.0)
    assert set(again.column("train", "focus")) == {1.0}
    model: Model = run("load model", [fetch("new:mlp?hidden=8"), focal], tmp_path / "m", task="tabular-classification")
    options = {"epochs": 4, "learning_rate": 0.01}
    trained: Model = run("finetune", [model, focal], tmp_path / "focal", **options)
    plain: Model = run("finetune", [model, data], tmp_path / "plain", **options)
    # Rows that the network is sure of stop pulling: it is less sure in the end.
    assert _sureness(trained, data) < _sureness(plain, data)
    with pytest.raises(InputError, match="focal loss"):
        run("fit linear", [focal], tmp_path / "linear", task="tabular-classification")


def _sureness(model: Model, data: Dataset) -> float:
    with Predictor(model) as predictor:
        return float(np.mean([answer["score"] for answer in predictor.predict_split(data, "test")]))


def test_rows_that_weigh_nothing_are_not_read(data: Dataset, tmp_path: Path) -> None:
    part = class_balance.undersample(np.array([0] * 100 + [1] * 12), 1.0, 0)
    weights = np.isin(np.arange(112), part).astype(float)
    tables = {
        name: table.append_column("weight", pa.array(weights if name == "train" else np.ones(table.num_rows)))
        for name, table in data.tables().items()
    }
    (tmp_path / "weighted").mkdir()
    weighted = data.rewrite(tmp_path / "weighted", tables)
    model: Model = run("load model", [fetch("new:mlp?hidden=8"), data], tmp_path / "m", task="tabular-classification")
    task = lookup.task(model.task)
    examples = read_examples(model, weighted, "train", task=task, processor=task.processor(model))
    assert len(examples) == 24
    assert examples.weights is not None
    assert set(examples.weights) == {1.0}


@pytest.mark.parametrize("trained_by", ["auto", "fit forest"])
def test_an_ensemble_of_estimators_is_trained_on_balanced_parts(data: Dataset, trained_by: str) -> None:
    given: dict[str, Any] = {"task": "tabular-classification", "members": 3, "trained_by": trained_by}
    given |= {"options": {"n_estimators": 10}} if trained_by == "fit forest" else {}
    made = check_step("balance ensemble", [data, None], given)
    assert isinstance(made, Model)
    assert made.runtime == "ensemble"
    members = read_members(made)
    assert len(members) == 3
    assert len({member.digest for member in members}) == 3
    check_runtime(made)
    check_task(made, [{"features": row["features"]} for row in data.rows("test")[:4]])
    with Predictor(made) as predictor:
        answers = predictor.predict_split(data, "test")
    recall = np.mean([answer["label"] == "rare" for answer in answers[40:]])
    assert recall > 0.7


def test_an_ensemble_of_networks_is_fine_tuned_and_resumes(data: Dataset, tmp_path: Path) -> None:
    model: Model = run("load model", [fetch("new:mlp?hidden=8"), data], tmp_path / "m", task="tabular-classification")
    options = {"task": model.task, "members": 2, "options": {"epochs": 1, "learning_rate": 0.01}}
    made: Model = run("balance ensemble", [data, model], tmp_path / "made", **options)
    first, second = read_members(made)
    assert first.settings == second.settings
    assert first.files["model.safetensors"] != second.files["model.safetensors"]
    # A killed run that had finished its first member takes it as it is.
    left = tmp_path / "resumed scratch" / "0"
    (tmp_path / "made scratch" / "0").rename(_under(left))
    again = execute(
        lookup.step("balance ensemble"),
        [data, model],
        lookup.step("balance ensemble").check_options(options),
        out=_made(tmp_path / "resumed"),
        scratch=tmp_path / "resumed scratch",
    )
    assert again.digest == made.digest


def _under(path: Path) -> Path:
    path.parent.mkdir()
    return path


def _made(path: Path) -> Path:
    path.mkdir()
    return path


def test_what_cannot_be_balanced_so(data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="put an impute step before it"):
        run("balance smote", [write(tmp_path / "gap", gap=True)], tmp_path / "1")
    with pytest.raises(InputError, match=r"(?s)'rare' has one row in train.*balance oversample"):
        run("balance smote", [write(tmp_path / "one", small=1)], tmp_path / "2")
    texts = data.table("train").drop(["features"]).append_column("text", pa.array(["hello"] * 112))
    (tmp_path / "texts").mkdir()
    text = Dataset.write(tmp_path / "texts", {"train": texts}, parents=[], labels=data.labels)
    with pytest.raises(InputError, match=r"(?s)no features.*for texts and images take balance oversample"):
        run("balance smote", [text], tmp_path / "3")
    for number, (trained_by, message) in enumerate({"finetune": "name a model", "evaluate": "no member"}.items()):
        with pytest.raises(InputError, match=message):
            run(
                "balance ensemble",
                [data, None],
                tmp_path / f"e{number}",
                task="tabular-classification",
                trained_by=trained_by,
            )
