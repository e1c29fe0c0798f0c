"""TensorRT: the graph and its settings are checked anywhere, answers only where there is a GPU."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.runtimes.tensorrt import PROVIDER, provider_options
from modelyard.testing import check_runtime, check_step, tiny

pytestmark = pytest.mark.slow

RUNTIME = lookup.runtime("tensorrt")
HAS_TENSORRT = PROVIDER in onnxruntime.get_available_providers()


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def exported(classifier: Model) -> Model:
    made = check_step("export tensorrt", [classifier], {"max_batch": 16})
    assert isinstance(made, Model)
    return made


def test_the_engine_is_built_for_every_shape(exported: Model) -> None:
    options = provider_options(exported, "cuda:1")
    assert options["device_id"] == "1"
    assert options["trt_fp16_enable"] == "True"
    assert options["trt_profile_min_shapes"].startswith("input_ids:1x1,")
    assert "attention_mask:16x64" in options["trt_profile_max_shapes"]


def test_the_graph_answers_as_the_source_does(classifier: Model, exported: Model, tmp_path: Path) -> None:
    """The same file on the processor, by the ONNX Runtime."""
    settings = lookup.runtime("onnxruntime").build(exported, tmp_path)
    moved = exported.rewrite(tmp_path, parents=[exported], runtime="onnxruntime", settings=settings)
    arrays, _ = lookup.task(classifier.task).export_example(classifier)
    ours, reference = (
        np.asarray(lookup.runtime(model.runtime).open(model).run(arrays)["logits"]) for model in (moved, classifier)
    )
    np.testing.assert_allclose(ours, reference, atol=1e-5)


@pytest.mark.skipif(HAS_TENSORRT, reason="there it opens")
def test_without_a_gpu_the_error_says_what_is_missing(exported: Model) -> None:
    with pytest.raises(InputError, match="TensorRT is not there") as error:
        RUNTIME.open(exported)
    assert "NVIDIA GPU" in error.value.expected
    assert "export to onnxruntime" in error.value.fix


@pytest.mark.skipif(not HAS_TENSORRT, reason="needs a GPU with TensorRT")
def test_the_contract(exported: Model) -> None:
    check_runtime(exported, tolerance=1e-2)


@pytest.mark.parametrize("device", ["tpu", "cuda:x"])
def test_an_unknown_device(exported: Model, device: str) -> None:
    with pytest.raises(InputError, match="unknown device"):
        RUNTIME.open(exported, device=device)


def test_a_model_without_settings(classifier: Model) -> None:
    with pytest.raises(InputError, match="no range of its shapes"):
        provider_options(classifier, "cuda")
