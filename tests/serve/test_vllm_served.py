"""A model that vLLM writes, behind the server: as every other generator. Needs vLLM; its build for CPUs will do."""

from __future__ import annotations

import importlib.util
import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.serve.hosting import open_model
from modelyard.testing import tiny
from tests.serve.conftest import Serve, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("vllm") is None, reason="vLLM is not installed: it wants an environment of its own"
    ),
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Heads of 32 numbers, the smallest that vLLM takes."""
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source"), hidden_size=128), "", {})
    return lookup.task("text-generation").adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def reference(checkpoint: Model) -> Iterator[Predictor]:
    with Predictor(checkpoint) as predictor:
        yield predictor


@pytest.fixture(scope="module")
def client(checkpoint: Model, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("exported")
    step = lookup.step("export vllm")
    model = execute(step, [checkpoint], step.check_options({"precision": "float32"}), out=folder, scratch=folder)
    assert isinstance(model, Model)
    hosted = open_model("chat", "1", model, slots=4, cache_bytes=10**6)
    with hosted.source, serve(hosted) as client:
        yield client


@pytest.fixture(scope="module")
def chat(client: httpx.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0) as chat:
        yield chat


def metric(client: httpx.Client, name: str) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{"))


def ask(chat: openai.OpenAI, prompt: str, **options: Any) -> Any:
    return chat.completions.create(model="chat", prompt=prompt, **{"temperature": 0, "max_tokens": 20, **options})


def test_growing_answers_are_those_of_torch(chat: openai.OpenAI, reference: Predictor) -> None:
    growing = [ask(chat, text, stream=True) for text in tiny.TEXTS]
    for text, chunks in zip(tiny.TEXTS, growing, strict=True):
        (expected,) = reference.predict([{"text": text}], max_tokens=20)
        assert "".join(chunk.choices[0].text for chunk in chunks) == expected["text"]


def test_who_goes_away_ends_the_answer(chat: openai.OpenAI, client: httpx.Client) -> None:
    chunks = ask(chat, "hello", stream=True, max_tokens=100)
    next(iter(chunks))
    chunks.close()
    until(lambda: metric(client, "modelyard_answers_running") == 0)
    assert ask(chat, "hello").choices[0].text


def test_what_vllm_cannot_do_is_refused(chat: openai.OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError, match="the prompt has 800 tokens"):
        ask(chat, "word " * 200)


def test_a_killed_worker_goes_on_with_the_stream(
    chat: openai.OpenAI, client: httpx.Client, reference: Predictor
) -> None:
    psutil: Any = pytest.importorskip("psutil", reason="comes with vLLM")
    chunks = iter(ask(chat, "once upon a time", stream=True, max_tokens=60))
    told = [next(chunks).choices[0].text]
    children = psutil.Process().children()
    workers = [child for child in children if "modelyard.serve.worker_process" in child.cmdline()]
    os.kill(workers[-1].pid, signal.SIGKILL)
    told += [chunk.choices[0].text for chunk in chunks]
    assert "".join(told) == reference.predict([{"text": "once upon a time"}], max_tokens=60)[0]["text"]
