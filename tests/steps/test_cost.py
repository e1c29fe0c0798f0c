"""``cost``: prices follow from what was measured and the table that was given."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import check_step, tiny

MINE = {"mine": {"cores": 4, "memory_gb": 16, "price_per_hour": 0.36}}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_encoder(tmp_path_factory.mktemp("source")), "", {})
    task = lookup.task("text-classification")
    return task.adopt(source, tmp_path_factory.mktemp("model"), data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    table = pa.table({"row": range(6), "text": tiny.TEXTS, "label": tiny.LABELS})
    return Dataset.write(tmp_path_factory.mktemp("data"), {"test": table}, parents=[], labels=["ham", "spam"])


def test_the_price_is_that_of_the_measured_rate(classifier: Model, data: Dataset) -> None:
    options = {"machine": "mine", "prices": MINE, "utilization": 1.0, "threads": 1, "rows": 12, "batch": 3600}
    report = check_step("cost", [classifier, data], options, repeatable=False)
    assert isinstance(report, Report)
    measures, (table,) = report.findings.measures, report.findings.tables
    rate = table.rows[0][1]
    assert isinstance(rate, float)
    assert measures["cost_per_million"].value == pytest.approx(1e6 * 0.09 / 3600 / rate)
    assert measures["batch_hours"].value == pytest.approx(1 / rate)
    low, high = measures["cost_per_million"].low, measures["cost_per_million"].high
    assert low is not None
    assert high is not None
    assert low <= (measures["cost_per_million"].value or 0) <= high
    memory = dict(zip([row[0] for row in table.rows], [row[1] for row in table.rows], strict=True))
    assert 1.5 * float(memory["memory request"] or 0) == pytest.approx(float(memory["memory limit"] or 0))
    assert float(memory["memory request"] or 0) > 50


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"machine": "smal-cpu"}, "did you mean 'small-cpu'"),
        ({"machine": "mine", "prices": {"mine": {"cores": 0, "memory_gb": 1, "price_per_hour": 1}}}, "above 0"),
        ({"split": "nowhere"}, "nowhere"),
    ],
)
def test_bad_input(classifier: Model, data: Dataset, tmp_path: Path, options: dict[str, object], words: str) -> None:
    step = lookup.step("cost")
    with pytest.raises(InputError) as caught:
        execute(step, [classifier, data], step.check_options(options), out=tmp_path, scratch=tmp_path)
    assert words in str(caught.value)


def test_a_price_table_with_a_missing_entry_is_refused() -> None:
    with pytest.raises(InputError, match="price_per_hour"):
        lookup.step("cost").check_options({"prices": {"mine": {"cores": 1, "memory_gb": 1}}})
