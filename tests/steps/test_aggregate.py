"""Private statistics as steps: near the truth, and paid for out of a budget that is kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.report import Report
from modelyard.engines.local import execute
from modelyard.testing import check_step

AGES = [20.0 + number % 50 for number in range(400)]


def dataset(folder: Path, ages: Sequence[float], **profile: Any) -> Dataset:
    folder.mkdir()
    kind = pa.struct([("age", pa.float64()), ("city", pa.string())])
    features = [{"age": age, "city": "Bonn" if age < 30 else "Köln"} for age in ages]
    table = pa.table(
        {ROW_ID: range(len(ages)), "features": pa.array(features, kind), "label": ["a", "b"] * (len(ages) // 2)}
    )
    return Dataset.write(
        folder, {"train": table.slice(0, 300), "test": table.slice(300)}, parents=[], labels=["a", "b"], profile=profile
    )


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return dataset(tmp_path / "data", AGES)


def ask(name: str, data: Dataset, **options: Any) -> Report:
    report = check_step(name, [data], options, repeatable=False)
    assert isinstance(report, Report)
    return report


def spent(file: Path) -> list[str]:
    return [item["what"] for item in json.loads(file.read_text())["spent"]]


def test_answers_are_near_and_the_budget_says_what_was_asked(data: Dataset, tmp_path: Path) -> None:
    book = tmp_path / "budget.json"
    count = ask("aggregate count", data, epsilon=2, budget=book, total=10).findings.measures
    assert abs((count["private_count"].value or 0) - 400) < 15  # e^-30
    assert count["epsilon_left"].value == 8
    some = ask("aggregate count", data, epsilon=2, budget=book, column="city", equals="Bonn", split="train")
    assert abs((some.findings.measures["private_count"].value or 0) - 60) < 15
    mean = ask("aggregate mean", data, column="age", low=0, high=100, epsilon=4, budget=book)
    assert abs((mean.findings.measures["private_mean"].value or 0) - sum(AGES) / 400) < 3
    bars = ask("aggregate histogram", data, column="label", epsilon=1, budget=book).findings
    assert [row[0] for row in bars.tables[0].rows] == ["a", "b"]
    assert all(abs(float(row[1] or 0) - 200) < 30 for row in bars.tables[0].rows)
    assert bars.figures[0].series[0].y == [row[1] for row in bars.tables[0].rows]
    assert bars.measures["epsilon_spent"].value == 9
    assert spent(book) == ["count", "count city = Bonn", "mean age", "histogram label"]


def test_what_is_spent_is_refused(data: Dataset, tmp_path: Path) -> None:
    book = tmp_path / "budget.json"
    for _ in range(10):
        ask("aggregate count", data, epsilon=0.1, budget=book, total=1)
    with pytest.raises(InputError, match=r"does not suffice: 0\.1 asked for, 0 of 1 left"):
        ask("aggregate mean", data, column="age", low=0, high=100, epsilon=0.1, budget=book)
    assert len(spent(book)) == 10
    with pytest.raises(InputError, match="raising it later") as caught:
        ask("aggregate count", data, epsilon=0.1, budget=book, total=2)
    assert "total: 2, but the budget is 1" in str(caught.value)


def test_a_budget_belongs_to_what_the_data_came_from(tmp_path: Path) -> None:
    sources = {"source": {"digest": "sha256:1"}}
    first, derived = (
        dataset(tmp_path / name, ages, sources=sources) for name, ages in (("1", AGES), ("2", AGES[::-1]))
    )
    other = dataset(tmp_path / "3", AGES, sources={"source": {"digest": "sha256:2"}})
    book = tmp_path / "budget.json"
    ask("aggregate count", first, epsilon=0.6, budget=book, total=1)
    with pytest.raises(InputError, match="does not suffice"):
        ask("aggregate count", derived, epsilon=0.6, budget=book)
    with pytest.raises(InputError, match="belongs to other data"):
        ask("aggregate count", other, epsilon=0.1, budget=book)


def test_histograms_of_numbers_and_text(data: Dataset, tmp_path: Path) -> None:
    options: dict[str, Any] = {"epsilon": 5, "budget": tmp_path / "budget.json", "total": 10}
    numbers = ask("aggregate histogram", data, column="age", low=0, high=100, bins=5, **options).findings.tables[0]
    assert [row[0] for row in numbers.rows] == ["0 to 20", "20 to 40", "40 to 60", "60 to 80", "80 to 100"]
    assert all(
        abs(float(row[1] or 0) - true) < 10 for row, true in zip(numbers.rows, [0, 160, 160, 80, 0], strict=True)
    )
    text = ask("aggregate histogram", data, column="city", categories=["Köln"], **options).findings.tables[0]
    assert [row[0] for row in text.rows] == ["Köln", "other"]
    assert abs(float(text.rows[1][1] or 0) - 80) < 10


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("aggregate count", {"total": None}, "no privacy budget yet"),
        ("aggregate count", {"epsilon": 0}, "above 0"),
        ("aggregate count", {"column": "citi"}, "did you mean 'city'"),
        ("aggregate mean", {"column": "city", "low": 0, "high": 1}, "holds no numbers"),
        ("aggregate mean", {"column": "age", "low": 1, "high": 1}, "low below high"),
        ("aggregate histogram", {"column": "age"}, "low and high"),
        ("aggregate histogram", {"column": "city"}, "categories: the values to count"),
    ],
)
def test_bad_input_costs_nothing(data: Dataset, tmp_path: Path, name: str, options: dict[str, Any], words: str) -> None:
    step, book = lookup.step(name), tmp_path / "budget.json"
    (tmp_path / "out").mkdir()
    checked = step.check_options({"epsilon": 1, "budget": book, "total": 1, **options})
    with pytest.raises(InputError) as caught:
        execute(step, [data], checked, out=tmp_path / "out", scratch=tmp_path / "out")
    assert words in str(caught.value)
    assert not book.exists()


@pytest.mark.parametrize("text", ["", "{}", '{"modelyard": "privacy budget", "format": 1, "total": "-1", "spent": []}'])
def test_a_damaged_budget_is_not_begun_anew(data: Dataset, tmp_path: Path, text: str) -> None:
    (tmp_path / "budget.json").write_text(text)
    with pytest.raises(InputError, match="no privacy budget"):
        ask("aggregate count", data, epsilon=1, budget=tmp_path / "budget.json", total=1)
    assert (tmp_path / "budget.json").read_text() == text
