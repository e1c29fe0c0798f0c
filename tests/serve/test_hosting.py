from __future__ import annotations

import asyncio
import threading

import pytest

from modelyard.core import memory
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Host, Hosted, check_name, cores_alone
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from tests.serve.conftest import PATIENCE


def test_the_first_version_of_a_name_is_its_default(opened: ForkServer) -> None:
    async def look() -> None:
        models = [Hosted("a", "2", opened), Hosted("a", "1", opened), Hosted("b", "9", opened)]
        host = Host(models, Limits(), Metrics())
        assert host.find("a").label == "a:2"
        assert host.find("a", "1").label == "a:1"
        assert [served.label for served in host.models()] == ["a:2", "a:1", "b:9"]
        with pytest.raises(RefusalError, match="no model 'a:3'") as caught:
            host.find("a", "3")
        assert caught.value.status == 404
        with pytest.raises(InputError, match="a:1 is served already"):
            Host([models[1], models[1]], Limits(), Metrics())
        assert not host.ready
        await host.start()
        assert host.ready
        await host.close()
        assert not host.ready

    asyncio.run(look())


@pytest.mark.parametrize("name", ["", "..", "a/b", "a:b", "a b", "é", "x" * 200, "-a"])
def test_names_are_plain(name: str) -> None:
    with pytest.raises(InputError, match="cannot be served"):
        check_name(name)


def test_all_cores_are_for_models_of_which_a_second_copy_may_be_opened(
    classifier: Model, torch_classifier: Model, generator: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cores_alone(classifier, 4) == 4
    # One worker was asked for: that is one core.
    assert cores_alone(classifier, 1) == 1
    # torch has one number of threads for a whole process; answers that are written share every call already.
    assert cores_alone(torch_classifier, 4) == cores_alone(generator, 4) == 1
    assert cores_alone(classifier, 4, 10**9) == 1
    monkeypatch.setenv(memory.LIMIT, "1GB")
    assert cores_alone(classifier, 4) == 1


def test_a_model_is_ready_once_it_is_open(opened: ForkServer) -> None:
    opening, may_open = threading.Event(), threading.Event()

    def open_slowly() -> Hosted:
        opening.set()
        assert may_open.wait(PATIENCE)
        return Hosted("sms", "1", ForkServer(opened.model, measure=False))

    async def load() -> None:
        host = Host([], Limits(), Metrics())
        assert not host.ready
        loading = asyncio.ensure_future(host.load("sms", "1", open_slowly))
        await asyncio.to_thread(opening.wait, PATIENCE)
        assert not host.ready
        with pytest.raises(RefusalError, match="being loaded") as caught:
            host.find("sms")
        assert caught.value.status == 503
        may_open.set()
        await loading
        assert host.ready
        assert len(await host.find("sms").scheduler.submit([{"text": "hello"}], {}, PATIENCE)) == 1
        await host.close()

    asyncio.run(load())


def test_a_model_that_cannot_be_opened_leaves_the_others(opened: ForkServer) -> None:
    def fail() -> Hosted:
        raise InputError("digest_mismatch")

    async def load() -> None:
        host = Host([Hosted("sms", "1", opened)], Limits(), Metrics())
        await host.start()
        with pytest.raises(InputError, match="digest_mismatch"):
            await host.load("sms", "2", fail)
        with pytest.raises(InputError, match="sms:1 was opened"):
            await host.load("sms", "2", lambda: Hosted("sms", "1", ForkServer(opened.model, measure=False)))
        assert host.ready
        with pytest.raises(RefusalError, match="no model 'sms:2'"):
            host.find("sms", "2")
        await host.close()

    asyncio.run(load())
