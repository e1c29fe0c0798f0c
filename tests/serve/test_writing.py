"""Generated text in the server: answers share the model's calls, are told as they grow, and never take more room."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, cast

import httpx
import pytest

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.task import GeneratingTask, Piece
from modelyard.serve.cache_room import CacheRoom
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import open_model
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import DeadlineError, NoRoomError, QuarantineError, RefusalError, StalledError
from modelyard.serve.scheduler import Scheduler
from modelyard.testing import tiny
from tests.serve.conftest import PATIENCE, Gated

OPTIONS: list[dict[str, Any]] = [
    {"max_tokens": 12},
    {"max_tokens": 7, "temperature": 0.9, "seed": 4},
    {"max_tokens": 15, "temperature": 1.3, "seed": 5, "top_p": 0.9},
]


def run(source: ForkServer, work: Callable[[Scheduler], Coroutine[Any, Any, None]], **how: Any) -> None:
    """Do ``work`` with a scheduler of this model."""

    async def main() -> None:
        scheduler = Scheduler(source, 1, how.pop("limits", Limits()), **how)
        await scheduler.start()
        try:
            async with asyncio.timeout(PATIENCE):
                await work(scheduler)
        finally:
            await scheduler.close()

    asyncio.run(main())


async def collect(scheduler: Scheduler, text: str, seconds: float = PATIENCE, **options: Any) -> list[Piece]:
    async with aclosing(scheduler.stream({"text": text}, options, seconds)) as pieces:
        return [piece async for piece in pieces]


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.fixture(scope="module")
def predictor(generator: Model) -> Any:
    with Predictor(generator, threads=1) as predictor:
        yield predictor


def test_many_answers_at_once_are_each_the_predictors_own(opened_generator: ForkServer, predictor: Predictor) -> None:
    asked = [(text, options) for text in tiny.TEXTS for options in OPTIONS]
    metrics = Metrics()

    async def work(scheduler: Scheduler) -> None:
        found = await asyncio.gather(*(collect(scheduler, text, **options) for text, options in asked))
        whole = [predictor.predict([{"text": text}], **options)[0] for text, options in asked]
        assert [text_of(pieces) for pieces in found] == [answer["text"] for answer in whole]
        rows = await scheduler.submit([{"text": text} for text in tiny.TEXTS], OPTIONS[0], PATIENCE)
        assert rows == [{name: answer[name] for name in row} for row, answer in zip(rows, whole[::3], strict=True)]
        assert (scheduler.running, scheduler.room.held, scheduler.waiting_tokens) == (0, 0, 0)
        written = sum(answer["completion_tokens"] for answer in [*whole, *rows])
        read = sum(answer["prompt_tokens"] for answer in [*whole, *rows])
        told = metrics.render().decode()
        assert f'modelyard_tokens_total{{kind="completion",model="m",version="1"}} {written}.0' in told
        assert f'modelyard_tokens_total{{kind="prompt",model="m",version="1"}} {read}.0' in told
        answers = len(whole) + len(rows)
        assert f'modelyard_time_to_first_token_seconds_count{{model="m",version="1"}} {answers}.0' in told

    run(opened_generator, work, pace=metrics.pace("m", "1"))


def test_an_answer_joins_those_that_are_being_written_and_leaves_them(gated_generator: Gated) -> None:
    source, gate = gated_generator

    async def work(scheduler: Scheduler) -> None:
        first = asyncio.create_task(collect(scheduler, "hi", max_tokens=6))
        await asyncio.to_thread(gate.wait_until_running)
        second = asyncio.create_task(collect(scheduler, "you", max_tokens=3))
        while scheduler.running < 2:
            await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, second)

    run(source, work)
    rows = gate.batches
    # Alone, then both, then the longer one to its end.
    assert rows[0] == 1
    assert rows[-1] == 1
    assert rows.count(2) == 2


def test_who_leaves_frees_its_place_at_once(gated_generator: Gated) -> None:
    source, gate = gated_generator

    async def work(scheduler: Scheduler) -> None:
        first = asyncio.create_task(collect(scheduler, "hi", max_tokens=90))
        await asyncio.to_thread(gate.wait_until_running)
        late = asyncio.create_task(collect(scheduler, "you", 0.2, max_tokens=90))
        with pytest.raises(DeadlineError):
            await late
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        while scheduler.running:
            await asyncio.sleep(0)
        assert scheduler.room.held == scheduler.waiting_tokens == 0
        gate.open()
        assert (await collect(scheduler, "hi", max_tokens=1))[-1].completion_tokens == 1

    run(source, work)
    assert len(gate.batches) <= 4


def test_more_tokens_than_may_wait_are_turned_away_with_a_time(gated_generator: Gated, predictor: Predictor) -> None:
    source, gate = gated_generator
    source.cache_tokens, kept = 64, source.cache_tokens
    need = len(predictor.processor.prompt("hi")) + 50

    async def work(scheduler: Scheduler) -> None:
        tasks = [asyncio.create_task(collect(scheduler, "hi", max_tokens=50))]
        await asyncio.to_thread(gate.wait_until_running)
        # Only now: while nothing runs, three would be more than may wait.
        tasks += [asyncio.create_task(collect(scheduler, "hi", max_tokens=50)) for _ in range(2)]
        while scheduler.waiting_tokens < 2 * need:
            await asyncio.sleep(0)
        assert scheduler.running == 1
        with pytest.raises(NoRoomError) as caught:
            await collect(scheduler, "hi", max_tokens=50)
        assert caught.value.status == 429
        assert int(caught.value.headers["retry-after"]) >= 1
        with pytest.raises(RefusalError, match="at most 64 at once"):
            await collect(scheduler, "hi", max_tokens=100)
        gate.open()
        await asyncio.gather(*tasks)
        assert scheduler.room.held == 0

    try:
        run(source, work, limits=Limits(cache_waiting=2.0))
    finally:
        source.cache_tokens = kept
    assert set(gate.batches) == {1}


def test_an_answer_goes_on_where_it_was_when_its_worker_is_killed(gated_generator: Gated, predictor: Predictor) -> None:
    source, gate = gated_generator
    asked = [("hi", OPTIONS[0]), ("you", OPTIONS[2])]

    async def work(scheduler: Scheduler) -> None:
        gate.open(6)
        tasks = [asyncio.create_task(collect(scheduler, text, **options)) for text, options in asked]
        for _ in range(7):
            await asyncio.to_thread(gate.wait_until_running)
        os.kill(scheduler.processes[0], signal.SIGKILL)
        gate.open()
        for (text, options), pieces in zip(asked, await asyncio.gather(*tasks), strict=True):
            assert text_of(pieces) == predictor.predict([{"text": text}], **options)[0]["text"]

    run(source, work)


def test_an_answer_that_ends_two_workers_is_not_tried_again(gated_generator: Gated) -> None:
    source, gate = gated_generator

    async def work(scheduler: Scheduler) -> None:
        bad = asyncio.create_task(collect(scheduler, "bad", max_tokens=5))
        for _ in range(2):
            await asyncio.to_thread(gate.wait_until_running)
            os.kill(scheduler.processes[0], signal.SIGKILL)
        with pytest.raises(QuarantineError):
            await bad
        gate.open()
        assert await collect(scheduler, "hi", max_tokens=1)

    run(source, work)


def test_a_model_that_cannot_write_is_refused_before_it_is_served(generator: Model) -> None:
    with pytest.raises(InputError, match="no memory for 500 tokens") as error:
        ForkServer(
            generator, threads=2, measure=False, cache_tokens=500, opener="tests.serve.openers:open_without_engine"
        )
    assert "--cache-limit" in error.value.fix


def test_a_reader_that_takes_nothing_is_given_up(opened_generator: ForkServer) -> None:
    async def work(scheduler: Scheduler) -> None:
        async with aclosing(scheduler.stream({"text": "hi"}, {"max_tokens": 100}, PATIENCE)) as pieces:
            await anext(pieces)
            while scheduler.running:
                await asyncio.sleep(0)
            with pytest.raises(StalledError):
                async for _ in pieces:
                    pass

    run(opened_generator, work, limits=Limits(stream_pieces=2, stall_seconds=0))


def test_a_refusal_of_the_task_is_the_callers_alone(opened_generator: ForkServer) -> None:
    async def work(scheduler: Scheduler) -> None:
        good = asyncio.create_task(collect(scheduler, "hi", max_tokens=5))
        for options in ({"heat": 1}, {"max_tokens": 1000}):
            with pytest.raises(Exception, match=r"heat|max_tokens"):
                await collect(scheduler, "hi", **options)
        assert (await good)[-1].finish_reason

    run(opened_generator, work)


def test_room_is_held_and_foretold() -> None:
    now = 0.0
    room = CacheRoom(100, lambda: now)
    assert room.fits(100)
    assert not room.fits(101)
    room.take(60)
    room.take(40)
    assert not room.fits(1)
    now = 2.0
    # 60 tokens in two seconds: the rate moves from the guess of 100 a second a tenth of the way to 30.
    room.give_back(60)
    assert room.seconds(93) == pytest.approx(1.0)
    assert room.fits(60)
    assert room.wait(60) == 0
    assert room.wait(60 + 93) == pytest.approx(1.0)
    assert (room.retry_after(60), room.retry_after(160), room.retry_after(10**9)) == (1, 2, 60)


def test_the_server_tells_of_429_and_of_what_it_writes(serve: Any, generator: Model) -> None:
    token = cast(GeneratingTask, lookup.task(generator.task)).token_bytes(generator)
    hosted = open_model("chat", "1", generator, slots=2, cache_bytes=32 * token, workers=1)
    with hosted.source, serve(hosted, limits=Limits(cache_waiting=0)) as client:
        body = {"model": "chat", "prompt": "hi", "max_tokens": 10, "temperature": 0}
        answer: httpx.Response = client.post("/v1/completions", json=body)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert answer.json()["error"]["code"] == "too_many_tokens"
        told = client.get("/metrics").text
        assert 'modelyard_cache_tokens{model="chat",state="all",version="1"} 32.0' in told
        assert 'modelyard_answers_running{model="chat",version="1"} 0.0' in told
