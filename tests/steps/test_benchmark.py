"""``benchmark`` on tiny models: what it measures, in whose process, and what it leaves out."""

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
from modelyard.testing import tiny

STEP = lookup.step("benchmark")
QUICK = {"seconds": 0.02, "rows": 12, "threads": 1}


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_encoder(tmp_path_factory.mktemp("source")), "", {})
    task = lookup.task("text-classification")
    return task.adopt(source, tmp_path_factory.mktemp("model"), data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    table = pa.table({"row": range(6), "text": tiny.TEXTS, "label": tiny.LABELS})
    return Dataset.write(tmp_path_factory.mktemp("data"), {"test": table}, parents=[], labels=["ham", "spam"])


def _benchmark(model: Model, data: Dataset, out: Path, **options: object) -> Report:
    result = execute(STEP, [model, data], STEP.check_options({**QUICK, **options}), out=out, scratch=out)
    assert isinstance(result, Report)
    return result


def test_a_classifier(classifier: Model, data: Dataset, tmp_path: Path) -> None:
    found = _benchmark(classifier, data, tmp_path, batch_sizes=[1, 2], lengths=[8, 16, 4000]).findings
    measures = found.measures
    assert {name.split("_per_")[0] for name in STEP.measures} >= {name.split("_per_")[0] for name in measures}
    values = [measures[f"latency_p{share}_ms"].value for share in (50, 95, 99)]
    assert values == sorted(values, key=float)  # type: ignore[arg-type]
    median = measures["latency_p50_ms"]
    assert median.low is not None
    assert median.high is not None
    assert 0 < median.low <= values[0] <= median.high  # type: ignore[operator]
    assert median.n == 10
    assert measures["latency_p99_ms"].high is None
    assert measures["size_mb"].value == classifier.size_bytes / 1e6
    assert measures["throughput"].unit == "row/s"
    assert 20 < measures["memory_peak_mb"].value < 4000  # type: ignore[operator]
    (table,) = found.tables
    # The model takes no rows of 4,000 tokens.
    assert [row[0] for row in table.rows] == ["1 × 8", "1 × 16", "2 × 8", "2 × 16"]
    assert any("1 threads" in note and "torch" in note for note in found.notes)


@pytest.mark.slow
def test_a_language_model(data: Dataset, tmp_path: Path) -> None:
    for name in ("source", "model", "out"):
        (tmp_path / name).mkdir()
    source = Source("tiny", tiny.write_causal(tmp_path / "source"), "", {})
    model = lookup.task("text-generation").adopt(source, tmp_path / "model", data=None, seed=0)
    found = _benchmark(model, data, tmp_path / "out", batch_sizes=[1], lengths=[8]).findings
    assert set(STEP.measures) == set(found.measures)
    assert [row[0] for row in found.tables[0].rows] == ["prefill 1 × 8", "decode 1 × 8"]
    first, whole = found.measures["first_token_ms"].value, found.measures["latency_p50_ms"].value
    assert first is not None
    assert whole is not None
    assert 0 < first < whole
    assert found.measures["decode_tokens_per_second"].unit == "token/s"


@pytest.mark.slow
def test_memory_is_that_of_the_process_that_measures(classifier: Model, data: Dataset, tmp_path: Path) -> None:
    ballast = bytearray(b"x") * (3 << 29)
    report = _benchmark(classifier, data, tmp_path, batch_sizes=[1], lengths=[8])
    memory = report.findings.measures["memory_peak_mb"].value
    assert memory is not None
    assert memory < len(ballast) / 1e6


def test_an_unknown_split_is_an_input_error(classifier: Model, data: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="split"):
        _benchmark(classifier, data, tmp_path, split="holdout")


@pytest.mark.slow
def test_an_error_of_the_other_process_comes_back(classifier: Model, tmp_path: Path) -> None:
    for name in ("data", "out"):
        (tmp_path / name).mkdir()
    table = pa.table({"row": [0], "text": pa.array([None], pa.string()), "label": ["ham"]})
    empty = Dataset.write(tmp_path / "data", {"test": table}, parents=[], labels=["ham", "spam"])
    with pytest.raises(InputError, match="has no 'text'"):
        _benchmark(classifier, empty, tmp_path / "out")
