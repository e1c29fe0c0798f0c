"""A real server on a loopback port for tests, with tiny real models."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import Arrays, Session
from modelyard.core.source import Source
from modelyard.serve.app import create_app
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits
from modelyard.serve.server import Server, bind
from modelyard.testing import tiny

PATIENCE = 30.0
"""Seconds after which a test that waits has failed."""

Serve = Callable[..., AbstractContextManager[httpx.Client]]


@dataclass
class GatedSession:
    """A session that tells when it runs and goes on only when it is let; the answers are the inner session's."""

    inner: Session
    running: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    gate: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    batches: list[int] = field(default_factory=list)

    @property
    def input_names(self) -> tuple[str, ...]:
        return self.inner.input_names

    @property
    def output_names(self) -> tuple[str, ...]:
        return self.inner.output_names

    def run(self, arrays: Arrays) -> Arrays:
        self.batches.append(len(next(iter(arrays.values()))))
        self.running.release()
        assert self.gate.acquire(timeout=PATIENCE)
        return self.inner.run(arrays)

    def close(self) -> None:
        self.inner.close()

    def wait_until_running(self) -> None:
        assert self.running.acquire(timeout=PATIENCE)

    def open(self, times: int = 1000) -> None:
        self.gate.release(times)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny encoder", tiny.write_encoder(folder / "source"), "sha256:0", {})
    return lookup.task("text-classification").adopt(
        source, _new(folder / "model"), data=tiny.labelled("ham", "spam"), seed=0
    )


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("generator")
    source = Source("tiny causal model", tiny.write_causal(folder / "source"), "sha256:0", {})
    return lookup.task("text-generation").adopt(source, _new(folder / "model"), data=None, seed=0)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture
def predictor(classifier: Model) -> Iterator[Predictor]:
    with Predictor(classifier, threads=1) as predictor:
        yield predictor


@pytest.fixture
def gated(predictor: Predictor) -> GatedSession:
    """The classifier's session behind a gate; :func:`predictor` runs on it."""
    session = GatedSession(predictor.session)
    predictor.session = session
    return session


@pytest.fixture(scope="session")
def serve() -> Serve:
    """``with serve(hosted, limits=…) as client``: a server in a thread and a client of it."""

    @contextmanager
    def serving(*models: Hosted, limits: Limits | None = None) -> Iterator[httpx.Client]:
        listener = bind("127.0.0.1", 0)
        # Clients may connect from now on and wait until the server answers.
        listener.listen()
        server = Server(create_app(models, limits=limits), [])
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=PATIENCE) as client:
                assert client.get("/v2/health/live").json() == {"live": True}
                yield client
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()

    return serving


@pytest.fixture(scope="module")
def client(serve: Serve, classifier: Model) -> Iterator[httpx.Client]:
    """A server with the classifier as ``sms:1``."""
    with serve(Hosted("sms", "1", Predictor(classifier, threads=1), {"verdict": "met"})) as client:
        yield client


@pytest.fixture(scope="module")
def chat_client(serve: Serve, generator: Model) -> Iterator[httpx.Client]:
    """A server with the generating model as ``chat:2``."""
    with serve(Hosted("chat", "2", Predictor(generator, threads=1))) as client:
        yield client


def infer_body(*texts: str, **parameters: Any) -> dict[str, Any]:
    """An inference request for these texts."""
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return {"inputs": [tensor], **({"parameters": parameters} if parameters else {})}


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that another thread does."""

    async def wait() -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await asyncio.sleep(0.005)

    asyncio.run(wait())
