"""LiteRT: same answers as torch where the converter's environment is there; clear errors where it is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.formats import signature
from modelyard.runtimes.litert import conversion
from modelyard.testing import check_runtime, check_step, tiny
from tests.extras import needs

pytestmark = needs("ai_edge_litert", "litert")

RUNTIME = lookup.runtime("litert")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("int8", 0.02)])
def test_a_text_classifier_answers_as_torch_does(classifier: Model, precision: str, tolerance: float) -> None:
    try:
        conversion.ENVIRONMENT.find_python()
    except InputError as error:
        pytest.skip(f"{error.what}; {error.fix}")
    exported = check_step("export litert", [classifier], {"precision": precision})
    assert isinstance(exported, Model)
    check_runtime(exported)
    task = lookup.task(classifier.task)
    processor = task.processor(classifier)
    batch = task.collate(processor, task.encode(processor, [{"text": text} for text in tiny.TEXTS]))
    ours, reference = (
        np.asarray(lookup.runtime(model.runtime).open(model).run(batch)["logits"]) for model in (exported, classifier)
    )
    np.testing.assert_allclose(ours, reference, atol=tolerance)


def test_a_missing_environment_prints_the_commands(
    classifier: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(conversion.ENVIRONMENT.variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(InputError, match="no environment") as error:
        RUNTIME.build(classifier, tmp_path)
    assert f"-m venv {tmp_path}" in error.value.fix
    assert "litert-torch==" in error.value.fix
    monkeypatch.setenv(conversion.ENVIRONMENT.variable, str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="there is no"):
        RUNTIME.build(classifier, tmp_path)


@pytest.mark.parametrize("device", ["cuda", "npu"])
def test_a_device_that_is_not_there(classifier: Model, device: str) -> None:
    with pytest.raises(InputError, match="device"):
        RUNTIME.open(classifier, device=device)


@pytest.mark.parametrize("content", [b"", b"no model", bytes(4) + b"TFL3" + bytes(100), bytes(4096)])
def test_a_broken_file_is_an_input_error(classifier: Model, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.tflite").write_bytes(content)
    settings = signature.of_task(classifier).to_settings()
    broken = classifier.rewrite(tmp_path, parents=[], runtime="litert", settings=settings)
    with pytest.raises(InputError) as error:
        RUNTIME.open(broken)
    assert str(tmp_path) not in str(error.value)
