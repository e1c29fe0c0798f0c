"""The torch runtime: what it computes, what it writes, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.runtimes.torch import RUNTIME, resolve_device
from modelyard.tasks.text_classification import TASK
from modelyard.testing import tiny


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("torch")
    (folder / "model").mkdir()
    encoder = tiny.write_encoder(folder / "encoder")
    return TASK.adopt(
        Source("tiny", encoder, "sha256:0", {}), folder / "model", data=tiny.labelled("ham", "spam"), seed=0
    )


def test_a_session_computes_what_the_network_does(model: Model) -> None:
    import torch

    arrays, _ = TASK.export_example(model)
    session = RUNTIME.open(model, threads=1)
    with torch.inference_mode():
        expected = TASK.network(model)(**{name: torch.from_numpy(array) for name, array in arrays.items()})["logits"]
    np.testing.assert_allclose(session.run(arrays)["logits"], expected.numpy(), atol=1e-6)
    assert session.input_names == tuple(arrays)
    assert session.output_names == ("logits", "sentence_embedding")


def test_arrays_that_may_not_be_written_are_taken(model: Model) -> None:
    arrays, _ = TASK.export_example(model)
    frozen = {name: array.copy() for name, array in arrays.items()}
    for array in frozen.values():
        array.setflags(write=False)
    session = RUNTIME.open(model)
    np.testing.assert_array_equal(session.run(frozen)["logits"], session.run(arrays)["logits"])


def test_build_writes_a_network_that_opens_again(model: Model, tmp_path: Path) -> None:
    import torch

    network = TASK.network(model)
    with torch.no_grad():
        network.classifier.bias.copy_(torch.tensor([1.0, -1.0]))
    settings = RUNTIME.build(model, tmp_path, network=network)
    built = model.rewrite(tmp_path, parents=[model], settings=settings)
    arrays, _ = TASK.export_example(model)
    before, after = (RUNTIME.open(item).run(arrays)["logits"] for item in (model, built))
    np.testing.assert_allclose(after - before, np.tile([1.0, -1.0], (2, 1)), atol=1e-6)
    assert built.files["tokenizer.json"] == model.files["tokenizer.json"]


def test_build_without_a_network_is_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be converted"):
        RUNTIME.build(model, tmp_path)


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "meta", ""])
def test_a_device_that_is_not_there_is_named(device: str) -> None:
    with pytest.raises(InputError, match="device"):
        resolve_device(device)


def test_auto_finds_a_device() -> None:
    import torch

    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device("cpu").type == "cpu"
