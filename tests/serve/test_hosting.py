from __future__ import annotations

import asyncio
import threading

import pytest

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.serve.hosting import Host, Hosted
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from tests.serve.conftest import PATIENCE


def make_hosted(model: Model, name: str = "sms", version: str = "1") -> Hosted:
    return Hosted(name, version, Predictor(model, threads=1))


def test_the_first_version_of_a_name_is_its_default(classifier: Model) -> None:
    models = [make_hosted(classifier, "a", "2"), make_hosted(classifier, "a", "1"), make_hosted(classifier, "b", "9")]
    host = Host(models, Limits(), Metrics())
    assert host.find("a").label == "a:2"
    assert host.find("a", "1").label == "a:1"
    assert [served.label for served in host.models()] == ["a:2", "a:1", "b:9"]
    with pytest.raises(RefusalError, match="no model 'a:3'") as caught:
        host.find("a", "3")
    assert caught.value.status == 404
    with pytest.raises(InputError, match="a:1 is served already"):
        host.add(models[1])
    asyncio.run(host.close())
    assert not host.ready


@pytest.mark.parametrize("name", ["", "..", "a/b", "a:b", "a b", "é", "x" * 200, "-a"])
def test_names_are_plain(classifier: Model, name: str) -> None:
    with Predictor(classifier) as predictor:
        with pytest.raises(InputError, match="cannot be served"):
            Hosted(name, "1", predictor)
        with pytest.raises(InputError, match="cannot be served"):
            Hosted("a", name, predictor)


def test_a_model_is_ready_once_it_is_open(classifier: Model) -> None:
    opening, may_open = threading.Event(), threading.Event()

    def open_slowly() -> Hosted:
        opening.set()
        assert may_open.wait(PATIENCE)
        return make_hosted(classifier)

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


def test_a_model_that_cannot_be_opened_leaves_the_others(classifier: Model) -> None:
    def fail() -> Hosted:
        raise InputError("digest_mismatch")

    async def load() -> None:
        host = Host([make_hosted(classifier)], Limits(), Metrics())
        with pytest.raises(InputError, match="digest_mismatch"):
            await host.load("sms", "2", fail)
        with pytest.raises(InputError, match="sms:1 was opened"):
            await host.load("sms", "2", lambda: make_hosted(classifier))
        assert host.ready
        with pytest.raises(RefusalError, match="no model 'sms:2'"):
            host.find("sms", "2")
        await host.close()

    asyncio.run(load())
