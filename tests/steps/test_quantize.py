"""``quantize dynamic`` on a tiny classifier."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import tiny

STEP = lookup.step("quantize")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", labels=("ham", "spam"), seed=0)


def _quantize(model: Model, folder: Path, **options: object) -> Model:
    folder.mkdir()
    result = execute(STEP, [model], STEP.check_options(dict(options)), out=folder, scratch=folder)
    assert isinstance(result, Model)
    return result


def test_it_is_the_default_method_and_converts() -> None:
    assert STEP.name == "quantize dynamic"
    assert STEP.runtime == "onnxruntime"
    assert STEP.converts
    assert STEP.needs == {"conversion"}


def test_the_same_bytes_twice_and_the_same_labels(classifier: Model, tmp_path: Path) -> None:
    first, second = (_quantize(classifier, tmp_path / name) for name in ("one", "two"))
    assert first.digest == second.digest
    assert first.settings["precision"] == "int8"
    assert first.settings["max_length"] == classifier.settings["max_length"]
    rows = [{"text": text} for text in tiny.TEXTS]
    with Predictor(classifier) as ours, Predictor(first) as theirs:
        for before, after in zip(ours.predict(rows), theirs.predict(rows), strict=True):
            assert after["scores"]["spam"] == pytest.approx(before["scores"]["spam"], abs=0.02)


@pytest.mark.parametrize(("given", "reduced"), [("yes", True), ("no", False)])
def test_reduce_range_is_recorded(classifier: Model, tmp_path: Path, given: str, reduced: bool) -> None:
    assert _quantize(classifier, tmp_path / "out", reduce_range=given).settings["reduce_range"] is reduced


def test_a_converted_model_is_refused(classifier: Model, tmp_path: Path) -> None:
    quantized = _quantize(classifier, tmp_path / "once")
    with pytest.raises(InputError, match="cannot be exported"):
        _quantize(quantized, tmp_path / "twice")
