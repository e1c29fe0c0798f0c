"""Models that are opened as they are asked, within a limit of memory: no request fails for it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from modelyard.core.errors import InputError
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Host, Hosted, Opener
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from modelyard.serve.residence import Lodger, at_first
from tests.serve.conftest import PATIENCE, Serve, infer_body


class NeverClosed:
    """A source that several loads share: closing it is left to the test that made it."""

    def __init__(self, source: ForkServer) -> None:
        self._source = source

    def close(self) -> None:
        """Nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


def lodgers(source: ForkServer, names: Sequence[str], size: int = 10) -> list[Lodger]:
    def of(name: str) -> Lodger:
        def resolve() -> tuple[str, Opener]:
            return "1", lambda: Hosted(name, "1", NeverClosed(source))  # type: ignore[arg-type]

        return Lodger(name, size, resolve)

    return [of(name) for name in names]


def test_the_first_that_have_room_are_open_at_first(opened: ForkServer) -> None:
    three = [*lodgers(opened, "a", 6), *lodgers(opened, "b", 5), *lodgers(opened, "c", 4)]
    assert [item.name for item in at_first(three, 10)] == ["a", "c"]
    assert at_first(three, None) == three


def test_the_longest_unused_makes_room_and_never_one_that_answers(opened: ForkServer) -> None:
    async def look() -> None:
        host = Host([], Limits(), Metrics(), lodgers=lodgers(opened, "abc"), memory_limit=20)
        assert host.ready
        with pytest.raises(RefusalError, match="a is not loaded") as caught:
            host.find("a")
        assert caught.value.status == 503
        wake = host.residence.wake
        await wake("a", PATIENCE)
        await wake("b", PATIENCE)
        assert host.residence.asleep == ["c"]
        # The oldest is at work: the other one goes.
        host.find("a").leases.take()
        await wake("c", PATIENCE)
        assert host.residence.asleep == ["b"]
        host.find("c").leases.take()
        waiting = asyncio.ensure_future(wake("b", PATIENCE))
        kept = host.find("a").leases
        while host.has("a"):
            await asyncio.sleep(0)
        # It takes no more, but is there until its request is over.
        assert not host.has("b")
        kept.give_back()
        await waiting
        assert host.residence.asleep == ["a"]
        host.find("c").leases.give_back()
        with pytest.raises(RefusalError) as late:
            await wake("a", 0)
        assert (late.value.status, late.value.headers["retry-after"]) == (503, "1")
        await host.close()

    asyncio.run(asyncio.wait_for(look(), PATIENCE))


def test_what_cannot_be_opened_is_told_and_tried_again(opened: ForkServer) -> None:
    broken = True

    def resolve() -> tuple[str, Opener]:
        if broken:
            raise InputError("its signature is gone")
        return lodgers(opened, "a")[0].resolve()

    async def look() -> None:
        nonlocal broken
        host = Host([], Limits(), Metrics(), lodgers=[Lodger("a", 1, resolve)], memory_limit=10)
        with pytest.raises(RefusalError, match="cannot be opened") as caught:
            await host.residence.wake("a", PATIENCE)
        assert "signature" not in caught.value.message
        broken = False
        await host.residence.wake("a", PATIENCE)
        assert host.has("a")
        await host.close()

    asyncio.run(look())


def test_no_request_fails_while_models_make_room_for_each_other(serve: Serve, opened: ForkServer) -> None:
    names = ["a", "b", "c"]
    with serve(lodgers=lodgers(opened, names), memory_limit=10) as client, ThreadPoolExecutor(8) as pool:

        def ask(number: int) -> httpx.Response:
            return client.post(f"/v2/models/{names[number % 3]}/infer", json=infer_body(f"call {number}"))

        answers = list(pool.map(ask, range(90)))
        assert [answer.status_code for answer in answers] == [200] * 90
        assert [answer.json()["model_name"] for answer in answers] == [names[number % 3] for number in range(90)]
        told = client.get("/metrics").text
        unloaded = [float(line.split()[-1]) for line in told.splitlines() if 'loads_total{event="unloaded"' in line]
        assert sum(unloaded) >= 2


def test_an_explanation_and_an_embedding_wake_a_model_as_a_prediction_does(serve: Serve, opened: ForkServer) -> None:
    asked = [
        ("/v2/models/a/explain", infer_body("win a prize")),
        ("/v1/embeddings", {"model": "b", "input": "win a prize"}),
        ("/v2/models/a/infer", infer_body("win a prize")),
    ]
    with serve(lodgers=lodgers(opened, "ab"), memory_limit=10) as client:
        for path, body in asked:
            answer = client.post(path, json=body)
            assert answer.status_code == 200, answer.text


def test_the_repository_loads_and_unloads(serve: Serve, opened: ForkServer) -> None:
    with serve(Hosted("fixed", "1", opened), lodgers=lodgers(opened, "ab"), memory_limit=10) as client:

        def states() -> dict[str, str]:
            return {item["name"]: item["state"] for item in client.post("/v2/repository/index").json()}

        assert states() == {"fixed": "READY", "a": "UNAVAILABLE", "b": "UNAVAILABLE"}
        assert client.get("/v2/models/a/ready").status_code == 503
        assert client.get("/v2/health/ready").status_code == 200
        assert client.post("/v2/repository/models/a/load").json() == {}
        assert client.get("/v2/models/a/ready").json()["ready"] is True
        assert client.post("/v2/repository/models/b/load").status_code == 200
        assert states() == {"fixed": "READY", "a": "UNAVAILABLE", "b": "READY"}
        assert client.post("/v2/repository/models/b/unload").json() == {}
        assert states()["b"] == "UNAVAILABLE"
        assert client.post("/v2/repository/models/nobody/load").status_code == 404
        assert client.post("/v2/repository/models/nobody/unload").status_code == 404
        assert client.post("/v2/repository/models/fixed/unload").status_code == 409
        assert {item["id"] for item in client.get("/v1/models").json()["data"]} == {"fixed", "fixed:1", "a", "b"}
