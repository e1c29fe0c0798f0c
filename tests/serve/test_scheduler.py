from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import Arrays
from modelyard.core.task import Prediction
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import DeadlineError, OverloadError, RefusalError
from modelyard.serve.scheduler import Scheduler
from tests.serve.conftest import PATIENCE, GatedSession

TEXTS = ["win a prize", "hi", "see you at nine at the station my friend", "call now", "are you home", "text yes"]


def run(
    predictor: Predictor, work: Callable[[Scheduler], Coroutine[Any, Any, None]], limits: Limits | None = None
) -> list[int]:
    """Do ``work`` with a scheduler of this predictor, and give the sizes of its batches."""
    sizes: list[int] = []

    async def main() -> None:
        scheduler = Scheduler(predictor, limits or Limits(), sizes.append)
        try:
            async with asyncio.timeout(PATIENCE):
                await work(scheduler)
        finally:
            await scheduler.close()

    asyncio.run(main())
    return sizes


def ask(scheduler: Scheduler, *texts: str, seconds: float = PATIENCE) -> asyncio.Task[list[Prediction]]:
    return asyncio.ensure_future(scheduler.submit([{"text": text} for text in texts], {}, seconds))


def close_to(expected: list[Prediction]) -> list[dict[str, Any]]:
    return [
        {**item, "score": pytest.approx(item["score"], abs=1e-6), "scores": pytest.approx(item["scores"], abs=1e-6)}
        for item in expected
    ]


def test_many_callers_share_batches_and_each_gets_its_own_answer(predictor: Predictor) -> None:
    texts = [f"{text} {number}" for number in range(20) for text in TEXTS]
    expected = {text: predictor.predict([{"text": text}])[0] for text in texts}

    async def work(scheduler: Scheduler) -> None:
        answers = await asyncio.gather(*(ask(scheduler, text, "win a prize 0") for text in texts))
        for text, answer in zip(texts, answers, strict=True):
            assert list(answer) == close_to([expected[text], expected["win a prize 0"]])

    sizes = run(predictor, work)
    assert sum(sizes) == 240
    assert max(sizes) == Limits().batch_rows


def test_while_the_model_runs_the_next_batch_forms_by_length(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gated.wait_until_running)
        rest = [ask(scheduler, "x" * length) for length in (30, 2, 31, 3, 29)]
        # Tasks hand their rows over when they first run.
        await asyncio.sleep(0)
        gated.open()
        await asyncio.gather(first, *rest)

    assert run(predictor, work, Limits(batch_rows=3)) == [1, 3, 2]


def test_too_much_waiting_is_turned_away_at_once(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        accepted = ask(scheduler, *TEXTS[:3])
        await asyncio.to_thread(gated.wait_until_running)
        started = time.perf_counter()
        with pytest.raises(OverloadError) as caught:
            await ask(scheduler, *TEXTS[:2])
        assert time.perf_counter() - started < 0.05
        assert caught.value.status == 503
        assert int(caught.value.headers["retry-after"]) >= 1
        fits = ask(scheduler, TEXTS[0])
        gated.open()
        assert len(await accepted) + len(await fits) == 4
        # There is room again.
        assert len(await ask(scheduler, *TEXTS[:4])) == 4

    run(predictor, work, Limits(queue_rows=4))


def test_a_deadline_ends_the_wait_and_the_row_is_not_run(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gated.wait_until_running)
        with pytest.raises(DeadlineError) as caught:
            await ask(scheduler, "too late", seconds=0.01)
        assert caught.value.status == 504
        gated.open()
        await first

    assert run(predictor, work) == [1]
    assert gated.batches == [1]


def test_what_a_caller_withdraws_is_not_run(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gated.wait_until_running)
        withdrawn = ask(scheduler, *TEXTS)
        await asyncio.sleep(0)
        withdrawn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await withdrawn
        gated.open()
        await first
        await ask(scheduler, "last")

    assert run(predictor, work, Limits(queue_rows=7)) == [1, 1]


def test_a_bad_row_does_not_take_its_neighbours_with_it(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gated.wait_until_running)
        good = ask(scheduler, "a good text")
        bad = asyncio.ensure_future(scheduler.submit([{"text": None}], {}, PATIENCE))
        await asyncio.sleep(0)
        gated.open()
        with pytest.raises(InputError, match="no 'text'"):
            await bad
        assert len(await good) == len(await first) == 1

    run(predictor, work)


def test_unlike_options_share_no_batch(predictor: Predictor) -> None:
    async def work(scheduler: Scheduler) -> None:
        plain = ask(scheduler, "text")
        with pytest.raises(InputError, match="colour"):
            await scheduler.submit([{"text": "text"}], {"colour": "red"}, PATIENCE)
        assert len(await plain) == 1

    assert run(predictor, work) == [1, 1]


def test_closing_answers_what_was_accepted_and_takes_no_more(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        accepted = [ask(scheduler, text) for text in TEXTS]
        await asyncio.to_thread(gated.wait_until_running)
        closing = asyncio.ensure_future(scheduler.close())
        await asyncio.sleep(0)
        with pytest.raises(RefusalError) as caught:
            await ask(scheduler, "too late")
        assert caught.value.status == 503
        gated.open()
        assert [len(answer) for answer in await asyncio.gather(*accepted)] == [1] * len(TEXTS)
        await closing
        assert not scheduler.alive

    run(predictor, work)


def test_the_event_loop_stays_free_while_the_model_runs(predictor: Predictor, gated: GatedSession) -> None:
    async def work(scheduler: Scheduler) -> None:
        waiting = [ask(scheduler, text) for text in TEXTS]
        await asyncio.to_thread(gated.wait_until_running)
        longest = 0.0
        for _ in range(200):
            started = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - started)
        assert not any(task.done() for task in waiting)
        assert longest < 0.1
        gated.open()
        await asyncio.gather(*waiting)

    run(predictor, work)


def test_a_panic_of_a_native_library_fails_its_rows_only(predictor: Predictor) -> None:
    class Panic(BaseException):
        """As Rust's panics arrive: no Exception."""

    class Panicking(GatedSession):
        def run(self, arrays: Arrays) -> Arrays:
            self.batches.append(1)
            if len(self.batches) == 1:
                raise Panic
            return self.inner.run(arrays)

    predictor.session = Panicking(predictor.session)

    async def work(scheduler: Scheduler) -> None:
        with pytest.raises(RuntimeError, match="Panic in the model"):
            await ask(scheduler, "first")
        assert len(await ask(scheduler, "second")) == 1
        assert scheduler.alive

    run(predictor, work)
