"""OpenVINO: same answers as torch, safe files only, the same bytes every time, nothing sent anywhere."""

from __future__ import annotations

import shutil
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.testing import check_runtime, check_task, tiny

RUNTIME = lookup.runtime("openvino")
ROWS = [{"text": text} for text in tiny.TEXTS]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny", tiny.write_encoder(folder / "source"), "", {})
    (folder / "model").mkdir()
    return lookup.task("text-classification").adopt(source, folder / "model", data=tiny.labelled("ham", "spam"), seed=0)


@pytest.fixture(scope="module")
def graph(classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """The classifier as an ONNX graph: tracing it is what takes time."""
    return _build(classifier, "onnxruntime", tmp_path_factory.mktemp("graph"))


@pytest.fixture(scope="module")
def exported(graph: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    return _build(graph, "openvino", tmp_path_factory.mktemp("exported"))


def _build(model: Model, runtime: str, out: Path, **options: object) -> Model:
    settings = lookup.runtime(runtime).build(model, out, **options)
    return model.rewrite(out, parents=[model], runtime=runtime, settings=settings)


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


def test_it_keeps_the_contract_of_a_runtime(exported: Model) -> None:
    assert exported.runtime == "openvino"
    check_runtime(exported)
    check_task(exported, ROWS, tolerance=1e-4)


@pytest.mark.parametrize(("rows", "length"), [(1, 1), (1, 20), (5, 3)])
def test_it_answers_as_torch_does(classifier: Model, exported: Model, rows: int, length: int) -> None:
    np.testing.assert_allclose(_logits(exported, rows, length), _logits(classifier, rows, length), atol=1e-5)


def test_names_of_inputs_and_outputs(classifier: Model, exported: Model) -> None:
    session = RUNTIME.open(exported)
    arrays, _ = lookup.task(classifier.task).export_example(classifier)
    assert session.input_names == tuple(arrays)
    assert session.output_names == ("logits", "sentence_embedding")


def test_the_same_bytes_twice_and_nothing_of_the_machine(graph: Model, exported: Model, tmp_path: Path) -> None:
    assert _build(graph, "openvino", tmp_path).digest == exported.digest
    text = (exported.path / "model.xml").read_text(encoding="utf-8")
    assert "OpenVINO" not in text
    assert str(Path.home()) not in text
    assert sorted(exported.files) == sorted({*graph.files} - {"model.onnx"} | {"model.xml", "model.bin"})


def test_half_precision_halves_the_weights_and_hardly_moves_the_answers(
    graph: Model, exported: Model, tmp_path: Path
) -> None:
    halved = _build(graph, "openvino", tmp_path, precision="fp16")
    sizes = [(model.path / "model.bin").stat().st_size for model in (halved, exported)]
    assert sizes[0] < 0.52 * sizes[1]
    difference = np.abs(_logits(halved, 4, 9) - _logits(exported, 4, 9)).max()
    assert 0 < difference < 1e-3


def test_nothing_is_sent(graph: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"connects to {arguments[1:]}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    RUNTIME.open(_build(graph, "openvino", tmp_path)).close()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("<net ", '<!DOCTYPE net [<!ENTITY x SYSTEM "file:///etc/hostname">]><net ', "other files"),
        ("</layers>", '</layers><rt_info><__weights_path value="/etc/hostname"/></rt_info>', "other files"),
        ('type="MatMul" version="opset1"', 'type="MatMul" version="extension"', "extension"),
        ('type="MatMul" version="opset1"', 'type="Assign" version="opset6"', "state"),
        ('offset="0"', 'offset="999999999"', "beyond the end"),
        ('offset="0"', 'offset="-8"', "beyond the end"),
        ('offset="0"', "", "without offset"),
        ('element_type="f32"', 'element_type="string"', "of the type 'string'"),
        ('version="11"', 'version="3"', "format"),
        ("</layers>", '</layers><pre-process mean-precision="FP32"/>', "older format"),
    ],
)
def test_a_graph_that_leads_elsewhere_is_refused(
    exported: Model, tmp_path: Path, old: str, new: str, message: str
) -> None:
    foreign = _copy(exported, tmp_path)
    path = foreign.path / "model.xml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(InputError, match=message):
        RUNTIME.open(foreign)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.xml", b""),
        ("model.xml", b"not a model"),
        ("model.xml", b"<net version='11'><layers/></net>"),
        ("model.xml", "<net version='11'/>".encode("utf-16")),
        ("model.xml", b"\x80\x04location"),
        ("model.bin", b""),
        ("model.bin", bytes(100)),
    ],
)
def test_a_broken_file_is_an_input_error(exported: Model, tmp_path: Path, name: str, content: bytes) -> None:
    broken = _copy(exported, tmp_path)
    (broken.path / name).write_bytes(content)
    with pytest.raises(InputError) as error:
        RUNTIME.open(broken)
    assert str(tmp_path) not in str(error.value)


@pytest.mark.parametrize("cut", [0.1, 0.5, 0.99])
def test_a_truncated_graph_is_an_input_error(exported: Model, tmp_path: Path, cut: float) -> None:
    broken = _copy(exported, tmp_path)
    data = (broken.path / "model.xml").read_bytes()
    (broken.path / "model.xml").write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(InputError):
        RUNTIME.open(broken)


@pytest.mark.parametrize("name", ["model.xml", "model.bin"])
def test_a_missing_file_is_named(exported: Model, tmp_path: Path, name: str) -> None:
    lacking = _copy(exported, tmp_path)
    (lacking.path / name).unlink()
    with pytest.raises(InputError, match=name):
        RUNTIME.open(lacking)


def _copy(model: Model, folder: Path) -> Model:
    shutil.copytree(model.path, folder / "model")
    return model.at(folder / "model")


@pytest.mark.parametrize("device", ["tpu", "gpu:7", ""])
def test_a_device_that_is_not_there(exported: Model, device: str) -> None:
    with pytest.raises(InputError, match="device"):
        RUNTIME.open(exported, device=device)


def test_an_exported_model_is_not_exported_again(exported: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be exported"):
        RUNTIME.build(exported, tmp_path)


def test_without_the_package_the_extra_is_named(
    exported: Model, graph: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    for call in (lambda: RUNTIME.open(exported), lambda: RUNTIME.build(graph, tmp_path)):
        with pytest.raises(MissingExtraError, match="openvino is not installed"):
            call()
