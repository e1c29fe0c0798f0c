"""A real server on a loopback port for tests, with tiny real models."""

from __future__ import annotations

import asyncio
import os
import select
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.core import lookup
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.serve.app import Companion, create_app
from modelyard.serve.desk import Desk
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.grpc_server import GrpcServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.keyring import Keyring
from modelyard.serve.limits import Limits
from modelyard.serve.server import Server, Tls, bind
from modelyard.serve.tracing import Tracing
from modelyard.testing import tiny
from tests.serve import openers

PATIENCE = 30.0
"""Seconds after which a test that waits has failed."""

Serve = Callable[..., AbstractContextManager[httpx.Client]]


class Gate:
    """The test's side of sessions that wait to be let through (:class:`tests.serve.openers.GatedSession`)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in (openers.RUNNING, openers.LET):
            os.mkfifo(folder / name)
        self._running, self._let = (os.open(folder / name, os.O_RDWR) for name in (openers.RUNNING, openers.LET))
        self._seen: list[int] = []

    def reset(self) -> None:
        """As if nothing had run and nobody had been let through."""
        for pipe in (self._running, self._let):
            while select.select([pipe], [], [], 0)[0]:
                os.read(pipe, 65536)
        self._seen = []

    def wait_until_running(self) -> None:
        """A batch that was not waited for before has begun."""
        assert select.select([self._running], [], [], PATIENCE)[0]
        line = b""
        while not line.endswith(b"\n"):
            line += os.read(self._running, 1)
        self._seen.append(int(line))

    def open(self, times: int = 1000) -> None:
        """Let so many batches through."""
        os.write(self._let, b"." * times)

    @property
    def batches(self) -> list[int]:
        """Rows of every batch that has begun."""
        while select.select([self._running], [], [], 0)[0]:
            self.wait_until_running()
        return list(self._seen)


@pytest.fixture(scope="session")
def torch_classifier(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("classifier")
    source = Source("tiny encoder", tiny.write_encoder(folder / "source"), "sha256:0", {})
    return lookup.task("text-classification").adopt(
        source, _new(folder / "model"), data=tiny.labelled("ham", "spam"), seed=0
    )


@pytest.fixture(scope="session")
def classifier(torch_classifier: Model, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """On the runtime that is served, which opens without torch."""
    folder = tmp_path_factory.mktemp("exported")
    step = lookup.step("export onnxruntime")
    exported = execute(step, [torch_classifier], step.check_options({}), out=folder, scratch=folder)
    assert isinstance(exported, Model)
    return exported


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("generator")
    source = Source("tiny causal model", tiny.write_causal(folder / "source"), "sha256:0", {})
    return lookup.task("text-generation").adopt(source, _new(folder / "model"), data=None, seed=0)


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture(scope="session", autouse=True)
def _importable() -> Iterator[None]:
    """Worker processes find the openers of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]))
        yield


@pytest.fixture(scope="session")
def opened(classifier: Model) -> Iterator[ForkServer]:
    """The classifier, as the server opens it."""
    with ForkServer(classifier, measure=False) as source:
        yield source


@pytest.fixture(scope="session")
def opened_generator(generator: Model) -> Iterator[ForkServer]:
    with ForkServer(generator, measure=False) as source:
        yield source


@pytest.fixture(scope="session")
def faulty(classifier: Model) -> Iterator[ForkServer]:
    """The classifier with texts that make it fail."""
    with ForkServer(classifier, measure=False, opener="tests.serve.openers:open_faulty") as source:
        yield source


@pytest.fixture(scope="session")
def make_gated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Model], tuple[ForkServer, Gate]]]:
    with ExitStack() as sources, pytest.MonkeyPatch.context() as patch:

        def make(model: Model) -> tuple[ForkServer, Gate]:
            gate = Gate(tmp_path_factory.mktemp("gate"))
            patch.setenv(openers.GATE, str(gate.folder))
            source = ForkServer(model, measure=False, opener="tests.serve.openers:open_gated")
            return sources.enter_context(source), gate

        yield make


Gated = tuple[ForkServer, Gate]


@pytest.fixture(scope="session")
def _gated_classifier(make_gated: Callable[[Model], Gated], classifier: Model) -> Gated:
    return make_gated(classifier)


@pytest.fixture(scope="session")
def _gated_generator(make_gated: Callable[[Model], Gated], generator: Model) -> Gated:
    return make_gated(generator)


@pytest.fixture
def gated(_gated_classifier: Gated) -> Gated:
    """The classifier, and the gate that each of its batches waits at."""
    _gated_classifier[1].reset()
    return _gated_classifier


@pytest.fixture
def gated_generator(_gated_generator: Gated) -> Gated:
    _gated_generator[1].reset()
    return _gated_generator


@pytest.fixture
def predictor(classifier: Model) -> Iterator[Predictor]:
    with Predictor(classifier, threads=1) as predictor:
        yield predictor


@pytest.fixture(scope="session")
def serve() -> Serve:
    """``with serve(hosted, limits=…) as client``: a server in a thread and a client of it."""

    @contextmanager
    def serving(
        *models: Hosted,
        limits: Limits | None = None,
        companion: Companion | None = None,
        keyring: Keyring | None = None,
        desk: Desk | None = None,
        tls: Tls | None = None,
        tracing: Tracing | None = None,
        grpc: list[GrpcServer] | None = None,
        **residence: Any,
    ) -> Iterator[httpx.Client]:
        listener = bind("127.0.0.1", 0)
        # Clients may connect from now on and wait until the server answers.
        listener.listen()
        parts: dict[str, Any] = {"companion": companion, "keyring": keyring, "desk": desk, "tracing": tracing}
        app = create_app(models, limits=limits, **parts, **residence)
        if grpc is not None:
            grpc.append(GrpcServer(app, "127.0.0.1", 0, limits or Limits(), tls))
        server = Server(app, [], tls, grpc[0] if grpc else None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            place = f"127.0.0.1:{listener.getsockname()[1]}"
            verify = ssl.create_default_context(cafile=tls.certificate) if tls else True
            url = f"https://{place}" if tls else f"http://{place}"
            with httpx.Client(base_url=url, timeout=PATIENCE, verify=verify) as client:
                assert client.get("/v2/health/live").json() == {"live": True}
                yield client
        finally:
            server.should_exit = True
            thread.join(PATIENCE)
            assert not thread.is_alive()

    return serving


@pytest.fixture(scope="module")
def client(serve: Serve, opened: ForkServer) -> Iterator[httpx.Client]:
    """A server with the classifier as ``sms:1``."""
    with serve(Hosted("sms", "1", opened, about={"verdict": "met"})) as client:
        yield client


@pytest.fixture(scope="module")
def chat_client(serve: Serve, opened_generator: ForkServer) -> Iterator[httpx.Client]:
    """A server with the generating model as ``chat:2``."""
    with serve(Hosted("chat", "2", opened_generator)) as client:
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
