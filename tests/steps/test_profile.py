"""What was planted in data is found, in texts, tables and images, and every part has its picture."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.report import Findings, Report
from modelyard.render.figures import draw_svg
from modelyard.testing import check_step

SPAM = "prize free claim click winner urgent cash offer".split()  # noqa: SIM905
HAM = "tonight home dinner meeting station mother train lunch".split()  # noqa: SIM905


def write(folder: Path, splits: dict[str, dict[str, Any]], labels: list[str]) -> Dataset:
    folder.mkdir()
    tables, start = {}, 0
    for name, columns in splits.items():
        size = len(next(iter(columns.values())))
        tables[name] = pa.table({ROW_ID: range(start, start + size), **columns})
        start += size
    return Dataset.write(folder, tables, parents=[], labels=labels)


def profile(data: Dataset, **options: Any) -> Findings:
    report = check_step("profile", [data], options)
    assert isinstance(report, Report)
    for figure in report.findings.figures:
        assert draw_svg(figure).startswith("<?xml")
    return report.findings


def table(findings: Findings, title: str) -> list[Any]:
    return next(list(found.rows) for found in findings.tables if found.title == title)


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """240 training and 60 test rows, with two leaks, three wrong labels, two phone numbers and one long text."""
    source = random.Random(0)

    def message(label: str) -> str:
        return " ".join(source.choices(SPAM if label == "spam" else HAM, k=9)) + f" {source.randrange(10**6)}"

    labels = [source.choice(["ham", "ham", "spam"]) for _ in range(300)]
    rows = [message(label) for label in labels]
    rows[250] = rows[3]
    rows[251] = rows[4][:-1] + "x"
    labels[250], labels[251] = labels[3], labels[4]
    rows[7] += " call 13812345678"
    rows[8] += " call 13912345678"
    rows[9] += f" {rows[9]}" * 30
    for wrong in (20, 21, 22):
        labels[wrong] = "ham" if labels[wrong] == "spam" else "spam"
    splits = {
        "train": {"text": rows[:240], "label": labels[:240]},
        "test": {"text": rows[240:], "label": labels[240:]},
    }
    return write(tmp_path_factory.mktemp("texts") / "data", splits, ["ham", "spam"])


def test_texts(texts: Dataset) -> None:
    found = profile(texts)
    measures = {name: measure.value for name, measure in found.measures.items()}
    assert measures["missing_share"] == 0
    assert measures["leaked_share"] == pytest.approx(2 / 60)
    assert measures["duplicate_share"] == pytest.approx(1 / 300)
    assert measures["near_duplicate_share"] == pytest.approx(1 / 300)
    assert measures["personal_data_share"] == pytest.approx(2 / 300)
    assert measures["drifted_columns"] == 0
    assert 0.3 < (measures["class_balance"] or 0) < 0.8
    doubled = {(row[1], row[3]) for row in table(found, "Rows that are the same or nearly so")}
    assert doubled == {(3, 250), (4, 251)}
    suspected = {row[1] for row in table(found, "Suspected labels")}
    assert suspected >= {20, 21, 22}
    assert len(suspected) <= 5
    assert "13812345678" not in str(found)
    assert table(found, "Personal data") == [["text", "phone", 2]]
    assert table(found, "Values far from the others")[0][-1] == 9
    titles = {figure.title for figure in found.figures}
    assert titles >= {"Outliers", "Classes", "Rows that train holds too", "Suspected labels", "Personal data"}
    assert titles >= {"Length of text", "Differences from train"}


def test_tables(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    ages, cities = generator.normal(40, 10, 400), generator.choice(["Bonn", "Köln"], 400)
    ages[300:] += 15
    labels = np.where(ages + generator.normal(0, 2, 400) > 40, "old", "young")
    pays = generator.normal(3000, 300, 400)
    ages[:5], pays[10] = np.nan, 90_000
    # The test rows are older, and one of them stands in train.
    ages[399], pays[399], cities[399] = ages[50], pays[50], cities[50]
    ages[60], ages[61], labels[60], labels[61] = 70, 10, "young", "old"
    kind = pa.struct([("age", pa.float64()), ("pay", pa.float64()), ("city", pa.string())])
    features = [
        {"age": None if np.isnan(age) else age, "pay": pay, "city": city}
        for age, pay, city in zip(ages, pays, cities, strict=True)
    ]
    splits = {
        name: {"features": pa.array(features[part], kind), "label": labels[part].tolist()}
        for name, part in (("train", slice(0, 300)), ("test", slice(300, 400)))
    }
    found = profile(write(tmp_path / "data", splits, ["old", "young"]))
    measures = {name: measure.value for name, measure in found.measures.items()}
    assert measures["missing_share"] == pytest.approx(5 / 1600)
    assert table(found, "Missing values") == [["age", 5, 0]]
    assert measures["leaked_share"] == pytest.approx(1 / 100)
    assert measures["drifted_columns"] == 2  # age, and with it the label
    assert {row[1] for row in table(found, "Differences from train")[:2]} == {"age", "label"}
    farthest = table(found, "Values far from the others")[0]
    assert farthest[:2] == ["pay", farthest[1]]
    assert farthest[2] == 90_000
    assert {60, 61} <= {row[1] for row in table(found, "Suspected labels")[:6]}


def test_images(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)

    def png(pixels: np.ndarray) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(buffer, format="PNG")
        return buffer.getvalue()

    images = [generator.integers(0, 200, (18, 16)) for _ in range(40)]
    for place in range(0, 40, 2):
        images[place][:9] += 50
    brighter = png(images[0] + 4)
    splits = {
        "train": {"image": [png(pixels) for pixels in images], "label": ["top", "none"] * 20},
        "test": {"image": [brighter, png(generator.integers(0, 200, (18, 16)))], "label": ["top", "none"]},
    }
    found = profile(write(tmp_path / "data", splits, ["none", "top"]))
    assert found.measures["leaked_share"].value == pytest.approx(1 / 2)
    assert found.measures["near_duplicate_share"].value == pytest.approx(1 / 42)
    assert found.measures["personal_data_share"].value is None


def test_numbers_without_labels_and_nothing(tmp_path: Path) -> None:
    data = write(tmp_path / "data", {"train": {"text": ["a", "b", None]}}, [])
    found = profile(data)
    assert found.measures["leaked_share"].value is None
    assert found.measures["label_error_share"].value is None
    assert found.measures["missing_share"].value == pytest.approx(1 / 3)
    empty = write(tmp_path / "empty", {"train": {"text": pa.array([], pa.string())}}, [])
    with pytest.raises(InputError, match="no rows"):
        profile(empty)
