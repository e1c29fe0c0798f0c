"""The ONNX Runtime: same answers as torch, safe files only, the same bytes every time."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from modelyard.core import lookup, memory
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.testing import tiny

RUNTIME = lookup.runtime("onnxruntime")


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def exported(classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _build(classifier, tmp_path_factory.mktemp("exported"), precision="fp32")


def _build(model: Model, out: Path, **options: object) -> Model:
    settings = RUNTIME.build(model, out, **options)
    return model.rewrite(out, parents=[model], runtime="onnxruntime", settings=settings)


def _logits(model: Model, rows: int, length: int) -> np.ndarray:
    task = lookup.task(model.task)
    processor = task.processor(model)
    generator = np.random.default_rng(rows * length)
    texts = [" ".join(generator.choice(tiny.TEXTS[0].split(), size=length)) for _ in range(rows)]
    batch = task.collate(processor, task.encode(processor, [{"text": text} for text in texts]))
    session = lookup.runtime(model.runtime).open(model, threads=1)
    logits = np.asarray(session.run(batch)["logits"])
    session.close()
    return logits


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 20), (5, 3)])
def test_the_export_answers_as_torch_does(classifier: Model, exported: Model, rows: int, length: int) -> None:
    np.testing.assert_allclose(_logits(exported, rows, length), _logits(classifier, rows, length), atol=1e-5)


@pytest.mark.parametrize("arena", ["keep", "release"])
def test_what_becomes_of_its_memory_changes_no_answer(
    classifier: Model, exported: Model, arena: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(memory.ARENA, arena)
    for rows in (5, 1, 5):
        np.testing.assert_allclose(_logits(exported, rows, 3), _logits(classifier, rows, 3), atol=1e-5)


def test_another_word_for_the_arena_is_refused(exported: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(memory.ARENA, "shrink")
    with pytest.raises(InputError, match=r"(?s)'shrink'.*keep, release"):
        RUNTIME.open(exported)


def test_names_of_inputs_and_outputs(classifier: Model, exported: Model) -> None:
    session = RUNTIME.open(exported)
    arrays, _ = lookup.task(classifier.task).export_example(classifier)
    assert session.input_names == tuple(arrays)
    assert session.output_names == ("logits", "sentence_embedding")


def test_tokenizer_goes_along_and_float_weights_do_not(exported: Model) -> None:
    assert "tokenizer.json" in exported.files
    assert [name for name in exported.files if name.endswith((".onnx", ".safetensors"))] == ["model.onnx"]


def test_int8_weights_stay_near_the_float_ones(classifier: Model, exported: Model, tmp_path: Path) -> None:
    quantized = _build(exported, tmp_path, precision="int8")
    ours, reference = _logits(quantized, 8, 12), _logits(classifier, 8, 12)
    assert 0 < np.abs(ours - reference).max() < 0.1 * np.ptp(reference)
    kinds = {
        tensor.data_type for tensor in onnx.load(tmp_path / "model.onnx").graph.initializer if len(tensor.dims) == 2
    }
    assert TensorProto.FLOAT not in kinds
    assert TensorProto.INT8 in kinds


def test_nothing_of_the_machine_is_in_the_file(exported: Model) -> None:
    data = (exported.path / "model.onnx").read_bytes()
    assert b".py" not in data
    assert str(Path.home()).encode() not in data


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "other.bin"])
def test_data_outside_the_model_are_refused(exported: Model, tmp_path: Path, location: str) -> None:
    shutil.copytree(exported.path, tmp_path / "model")
    (tmp_path / "secret.bin").write_bytes(bytes(64))
    graph = onnx.load(tmp_path / "model" / "model.onnx")
    tensor = next(item for item in graph.graph.initializer if len(item.dims) == 2)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    (tmp_path / "model" / "model.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match="another file"):
        RUNTIME.open(exported.at(tmp_path / "model"))


def test_data_outside_are_found_inside_a_branch(exported: Model, tmp_path: Path) -> None:
    hidden = helper.make_tensor("t", TensorProto.FLOAT, [1], [0.0])
    hidden.data_location = TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="../secret.bin")
    branch = helper.make_graph([], "branch", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, [1])], [hidden])
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    inputs = [helper.make_tensor_value_info("c", TensorProto.BOOL, [])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])]
    graph = helper.make_model(helper.make_graph([node], "g", inputs, outputs))
    (tmp_path / "model.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(InputError, match="another file"):
        RUNTIME.open(exported.at(tmp_path))


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x80location\xff\xff\xff"])
def test_a_broken_file_is_an_input_error(exported: Model, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.onnx").write_bytes(content)
    with pytest.raises(InputError) as error:
        RUNTIME.open(exported.at(tmp_path))
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("device", ["tpu", "cuda:x", "cuda:7", "cuda"])
def test_a_device_that_is_not_there(exported: Model, device: str) -> None:
    with pytest.raises(InputError, match="device"):
        RUNTIME.open(exported, device=device)


def test_a_graph_is_quantized_as_the_network_is_and_only_once(
    classifier: Model, exported: Model, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("network", "graph", "again")]
    for folder in folders:
        folder.mkdir()
    quantized, same = (
        _build(model, folder, precision="int8") for model, folder in zip((classifier, exported), folders, strict=False)
    )
    assert quantized.files == same.files
    with pytest.raises(InputError, match="cannot be exported or quantized again"):
        RUNTIME.build(quantized, folders[2])
