"""ExecuTorch: same answers as torch, one row at a time, a program that cannot be loaded is an input error."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.formats import signature
from modelyard.runtimes.executorch import Pool
from modelyard.testing import check_runtime, check_step, tiny
from tests.extras import needs

pytestmark = needs("executorch", "executorch")

RUNTIME = lookup.runtime("executorch")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.mark.slow
def test_a_text_classifier_answers_as_torch_does(classifier: Model) -> None:
    """Lowering a BERT takes a minute of compiler passes, however small it is."""
    exported = check_step("export executorch", [classifier])
    assert isinstance(exported, Model)
    check_runtime(exported)
    assert {"model.pte", "tokenizer.json"} <= set(exported.files)
    assert not [name for name in exported.files if name.endswith(".safetensors")]
    task = lookup.task(classifier.task)
    processor = task.processor(classifier)
    batch = task.collate(processor, task.encode(processor, [{"text": text} for text in tiny.TEXTS]))
    ours, reference = (
        np.asarray(lookup.runtime(model.runtime).open(model).run(batch)["logits"]) for model in (exported, classifier)
    )
    np.testing.assert_allclose(ours, reference, atol=1e-6)


def test_the_shared_threads_are_replaced_only_while_no_program_is_open() -> None:
    """A program holds a pointer to the threads that it was loaded with."""
    sizes: list[int] = []
    pool = Pool()
    for threads in (1, 2, None):
        with pool.share(threads, sizes.append):
            pass
    assert sizes == [1]
    for _ in range(3):
        pool.leave()
    with pytest.raises(InputError), pool.share(2, sizes.append):
        raise InputError("a program that cannot be loaded")
    with pool.share(3, sizes.append):
        pass
    assert sizes == [1, 2, 3]


@pytest.mark.parametrize("device", ["cuda", "npu"])
def test_a_device_that_is_not_there(classifier: Model, device: str) -> None:
    with pytest.raises(InputError, match="device"):
        RUNTIME.open(classifier, device=device)


@pytest.mark.parametrize("content", [b"", b"no program", bytes(4096)])
def test_a_broken_file_is_an_input_error(classifier: Model, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pte").write_bytes(content)
    settings = signature.of_task(classifier).to_settings()
    broken = classifier.rewrite(tmp_path, parents=[], runtime="executorch", settings=settings)
    with pytest.raises(InputError) as error:
        RUNTIME.open(broken)
    assert str(tmp_path) not in str(error.value)


def test_a_model_without_a_program_or_a_signature(classifier: Model) -> None:
    with pytest.raises(InputError, match="no signature"):
        RUNTIME.open(classifier)


def test_a_converted_model_is_not_converted_again(classifier: Model, tmp_path: Path) -> None:
    (tmp_path / "model.pte").write_bytes(b"x")
    converted = classifier.rewrite(tmp_path, parents=[], runtime="executorch")
    with pytest.raises(InputError, match="cannot be exported again"):
        RUNTIME.build(converted, tmp_path)


def test_an_axis_without_a_limit_is_refused(tmp_path: Path) -> None:
    source = Source("tiny", tiny.write_causal(tmp_path / "source"), "", {})
    (tmp_path / "model").mkdir()
    generator = lookup.task("text-generation").adopt(source, tmp_path / "model", data=None, seed=0)
    with pytest.raises(InputError, match="without a limit"):
        RUNTIME.build(generator, tmp_path)
