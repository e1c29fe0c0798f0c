"""A model larger than the stated limit is refused before anything of it is loaded."""

from __future__ import annotations

import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from modelyard.cli.main import main
from modelyard.core import lookup, memory
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.testing import tiny

OPEN = """
import json, sys, numpy
from pathlib import Path
from modelyard.core import lookup, memory
from modelyard.core.artifact import open_artifact
from modelyard.core.errors import InputError
models = [open_artifact(Path(path)) for path in sys.argv[2:]]
for model in models[:-1]:
    # A small one first, so that what the library itself takes is not counted.
    lookup.runtime(model.runtime).open(model)
before = memory.process_memory().peak
try:
    if sys.argv[1] == "predictor":
        from modelyard.core.predictor import Predictor
        Predictor(models[-1])
    else:
        lookup.runtime(models[-1].runtime).open(models[-1])
    error = None
except InputError as refusal:
    error = refusal.to_json()
loaded = {"torch", "onnxruntime"} & set(sys.modules)
print(json.dumps([memory.process_memory().peak - before, error, sorted(loaded)]))
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Model]:
    """Some ten million weights, 40 MB in float32, on each of two runtimes, and a small model."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("source", "torch"):
        (folder / name).mkdir()
    source = Source("tiny", tiny.write_causal(folder / "source", hidden_size=768), "", {})
    model = lookup.task("text-generation").adopt(source, folder / "torch", data=None, seed=0)
    exported = {name: _product(folder / name, size) for name, size in (("onnxruntime", 3200), ("small", 8))}
    return {"torch": model, **exported}


def _product(folder: Path, size: int) -> Model:
    """A matrix product of ``size`` inputs and outputs on the ONNX Runtime."""
    from onnx import TensorProto, helper, numpy_helper

    weight = numpy_helper.from_array(np.ones((size, size), np.float32), "weight")
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, size]) for name in ("x", "y")]
    node = helper.make_node("MatMul", ["x", "weight"], ["y"])
    graph = helper.make_graph([node], "product", ends[:1], ends[1:], [weight])
    folder.mkdir()
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    (folder / "model.onnx").write_bytes(proto.SerializeToString())
    return Model.write(folder, task="text-generation", runtime="onnxruntime", base="", parents=[])


def _open_elsewhere(how: str, limit: str, *models: Model) -> tuple[int, dict[str, str] | None, list[str]]:
    """How far the highest memory of a new process rose, the refusal, and which libraries it loaded."""
    command = [sys.executable, "-c", OPEN, how, *(str(model.path) for model in models)]
    environment = os.environ | {memory.LIMIT: limit}
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, timeout=300)
    risen, error, libraries = json.loads(run.stdout.splitlines()[-1])
    return risen, error, libraries


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_a_refused_model_is_not_loaded(models: dict[str, Model], runtime: str) -> None:
    risen, error, libraries = _open_elsewhere("predictor", "30 MB", models[runtime])
    assert error is not None
    assert runtime in error["error"]
    assert "30.0 MB" in error["error"]
    assert memory.LIMIT in error["fix"]
    assert not libraries
    assert risen < 20e6


def test_what_is_foretold_is_about_what_opening_takes(models: dict[str, Model]) -> None:
    model = models["onnxruntime"]
    risen, error, _ = _open_elsewhere("session", "1GB", models["small"], model)
    assert error is None
    assert 0.6 < risen / memory.memory_bytes(model) < 1.8


def test_every_way_to_a_model_is_guarded(
    models: dict[str, Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = models["torch"]
    with pytest.raises(InputError, match="would take"):
        Predictor(model, memory_limit=1000)
    needed = memory.memory_bytes(model)
    memory.require_models([model], needed)
    with pytest.raises(InputError, match="2 models would take"):
        memory.require_models([model, model], 2 * needed - 1)
    monkeypatch.setenv(memory.LIMIT, "0.01GB")
    step = lookup.step("quantize dynamic")
    with pytest.raises(InputError, match="the limit is 10"):
        execute(step, [model], step.check_options({}), out=tmp_path, scratch=tmp_path)
    load = lookup.step("load model")
    source = Source("tiny", model.path, "", {})
    with pytest.raises(InputError, match=r"in float32; the limit is 10\.0 MB"):
        execute(load, [source, None], load.check_options({"task": model.task}), out=tmp_path, scratch=tmp_path)
    assert not list(tmp_path.iterdir())


def test_sixteen_bit_weights_count_as_float32(models: dict[str, Model], tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    weights = load_file(models["torch"].path / "model.safetensors")
    save_file({name: weight.astype(np.float16) for name, weight in weights.items()}, tmp_path / "model.safetensors")
    half = Model.write(tmp_path, task="text-generation", runtime="torch", base="", parents=[])
    assert memory.memory_bytes(half) == memory.memory_bytes(models["torch"])
    assert memory.memory_bytes(half) == pytest.approx(2 * half.size_bytes, rel=0.01)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("500MB", 500_000_000), (" 1.5 GiB ", 3 << 29), ("2kb", 2000), ("0.5 tb", 5 * 10**11)],
)
def test_sizes(text: str, size: int) -> None:
    assert memory.read_size(text, "limit") == size


@pytest.mark.parametrize("text", ["", "MB", "-1GB", "1 parsec", "0", "0.2", "1e3", "nan", "1 GB more"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(InputError, match="limit"):
        memory.read_size(text, "limit")


def test_the_command_line_says_which_size_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "anything", "--memory-limit", "lots"]) == 2
    assert "--memory-limit: 'lots'" in capsys.readouterr().err


def test_what_this_process_holds() -> None:
    before = memory.process_memory()
    assert before is not None
    # Pages of its own: what numpy asks for may be memory that this process has freed and still holds.
    block = mmap.mmap(-1, 30_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.write(b"x" * len(block))
    after = memory.process_memory(os.getpid())
    assert after is not None
    assert after.private - before.private > 25_000_000
    assert after.peak >= after.resident == after.private + after.shared
    assert after.proportional <= after.resident
    block.close()
    assert memory.process_memory(2**30) is None
