"""Cross-validation and learning curve of a recipe, its splits, and what they say."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from modelyard.cli.main import main
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.report import Measure
from modelyard.recipes.crossvalidation import crossvalidate
from modelyard.recipes.learning_curve import learning_curve
from modelyard.sources import fetch
from modelyard.testing import check_step
from modelyard.yard.yard import Yard

RECIPE = """
modelyard: 1
name: points
task: tabular-classification
data:
  source: points.csv
  columns: {label: kind, features: [x, y]}
  split: {train: 0.6, validation: 0.2, test: 0.2}
steps:
  - %s
  - evaluate
require: {accuracy: ">= 0.5"}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """250 points of two classes that no model can part: a line gets about 0.92 of them."""
    random = np.random.default_rng(0)
    labels = random.random(250) < 0.4
    points = random.normal(size=(250, 2)) + 2 * np.stack([labels, labels], axis=1)
    folder = tmp_path_factory.mktemp("points")
    lines = [
        f"{x:.4f},{y:.4f},{'ab'[int(label)]},{n // 5}"
        for n, ((x, y), label) in enumerate(zip(points, labels, strict=True))
    ]
    (folder / "points.csv").write_text("\n".join(["x,y,kind,family", *lines]))
    (folder / "linear.yaml").write_text(RECIPE % "fit linear")
    (folder / "tree.yaml").write_text(RECIPE % "fit forest: {n_estimators: 1}")
    (folder / "unscored.yaml").write_text((RECIPE % "fit linear").replace("  - evaluate\n", "").split("require")[0])
    return folder


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    return Yard(tmp_path_factory.mktemp("yard"))


def load(folder: Path, **columns: str) -> Dataset:
    options = {"columns": {"label": "kind", "features": ["x", "y"], **columns}}
    data = check_step("load data", [fetch(str(folder / "points.csv")), None, None], options, repeatable=False)
    assert isinstance(data, Dataset)
    return data


def test_folds_test_every_row_once_with_the_same_share_of_each_class(folder: Path) -> None:
    data = load(folder)
    pooled = data.column("train", "row") + data.column("validation", "row")
    tested: Counter[int] = Counter()
    for number in range(1, 5):
        part = check_step("split fold", [data], {"folds": 4, "number": number}, repeatable=number == 1)
        assert isinstance(part, Dataset)
        rows = {name: set(part.column(name, "row")) for name in ("train", "validation", "test")}
        assert set().union(*rows.values()) == set(pooled)
        assert sum(map(len, rows.values())) == len(pooled)
        shares = [part.column(name, "label").count("b") / len(rows[name]) for name in ("train", "test")]
        assert shares[0] == pytest.approx(shares[1], abs=0.03)
        tested.update(rows["test"])
    assert tested == Counter(pooled)
    with pytest.raises(InputError, match="number: 6"):
        check_step("split fold", [data], {"number": 6})


def test_groups_stay_in_one_fold(folder: Path) -> None:
    data = load(folder, group="family")
    part = check_step("split fold", [data], {"folds": 4}, repeatable=False)
    assert isinstance(part, Dataset)
    families = [set(part.column(name, "group")) for name in ("train", "validation", "test")]
    assert not families[0] & families[2]
    assert not families[0] & families[1]


def test_shares_are_nested_and_stratified(folder: Path) -> None:
    data = load(folder)
    parts = [check_step("split share", [data], {"share": share}) for share in (0.1, 0.5)]
    small, large = (set(part.column("train", "row")) for part in parts if isinstance(part, Dataset))
    assert small < large < set(data.column("train", "row"))
    assert len(large) == pytest.approx(data.splits["train"] / 2, abs=1)
    with pytest.raises(InputError, match="is none"):
        check_step("split share", [data], {"share": 0.001})


@pytest.mark.slow
def test_a_recipe_is_cross_validated_against_another(folder: Path, yard: Yard) -> None:
    steps: list[str] = []
    done = crossvalidate(
        folder / "linear.yaml",
        yard,
        folds=4,
        repeats=2,
        against=folder / "tree.yaml",
        on_result=lambda node, result: steps.append(f"{node.step.name} {result.reused}"),
    )
    found = done.report.findings
    values = [fold.measures["accuracy"].value or 0 for fold in done.folds]
    assert len(values) == 8
    assert found.measures["accuracy"].value == pytest.approx(np.mean(values))
    assert found.measures["accuracy"].n == 8
    low, high = found.measures["accuracy"].low, found.measures["accuracy"].high
    assert low is not None
    assert high is not None
    assert low < 0.92 < high
    assert (found.measures["accuracy_difference"].value or 0) > 0
    assert 0 < (found.measures["difference_p"].value or 0) < 1
    names = [series.name for series in found.figures[0].series]
    assert names == ["this recipe", "the other recipe", "mean of this recipe"]
    level = found.figures[0].series[2]
    assert (list(level.y), level.low, level.high) == ([found.measures["accuracy"].value] * 8, [low] * 8, [high] * 8)
    assert "in accuracy" in found.notes[1]
    assert len(done.report.parents) == 16
    # The other recipe is done on the very same folds.
    assert steps.count("split fold True") == 8
    again = crossvalidate(folder / "linear.yaml", yard, folds=4, repeats=2, against=folder / "tree.yaml")
    assert again.report.digest == done.report.digest


def test_the_learning_curve_of_a_single_tree(folder: Path, yard: Yard) -> None:
    done = learning_curve(folder / "tree.yaml", yard, shares=[0.1, 1.0])
    (figure,) = done.report.findings.figures
    assert [series.name for series in figure.series] == ["rows not seen", "training rows"]
    assert figure.series[1].y[-1] is not None
    assert figure.series[1].y[-1] > (figure.series[0].y[-1] or 0)
    for series in figure.series:
        assert series.low is not None
        assert series.high is not None
        assert all(a <= (b or 0) <= c for a, b, c in zip(series.low, series.y, series.high, strict=True))
    assert [row[0] for row in done.report.findings.tables[0].rows] == [15, 150]
    assert "from 15 to 150 training rows" in done.report.findings.notes[0]
    with pytest.raises(InputError, match="two shares or more"):
        learning_curve(folder / "tree.yaml", yard, shares=[1.0])


def test_what_cannot_be_cross_validated_is_refused(folder: Path, yard: Yard) -> None:
    with pytest.raises(InputError, match="nothing scores the model"):
        crossvalidate(folder / "unscored.yaml", yard)
    with pytest.raises(InputError, match="folds: 1"):
        crossvalidate(folder / "linear.yaml", yard, folds=1)


def test_the_commands_print_json(
    folder: Path, yard: Yard, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(yard.home))
    assert main(["crossvalidate", str(folder / "linear.yaml"), "--folds", "4", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert Measure(**printed["measures"]["accuracy"]).n == 4
    assert len(printed["folds"]) == 4
    page = folder / "curve.html"
    assert main(["learning-curve", str(folder / "tree.yaml"), "--shares", "0.1,1", "--json", "--page", str(page)]) == 0
    assert [point["rows"] for point in json.loads(capsys.readouterr().out)["points"]] == [15, 150]
    drawn = page.read_text()
    assert ("<svg" in drawn, "learning-curve tree.yaml" in drawn) == (True, True)
    absent = str(folder / "none" / "curve.html")
    assert main(["learning-curve", str(folder / "tree.yaml"), "--shares", "0.1,1", "--page", absent]) == 2
    assert main(["learning-curve", str(folder / "tree.yaml"), "--shares", "few"]) == 2
