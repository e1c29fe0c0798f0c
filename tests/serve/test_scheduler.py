from __future__ import annotations

import asyncio
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.artifact import MANIFEST
from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.task import Prediction
from modelyard.serve import breadth
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.frames import WorkerError
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import DeadlineError, OverloadError, QuarantineError, RefusalError
from modelyard.serve.scheduler import Scheduler
from tests.serve.conftest import PATIENCE, Gated, until

TEXTS = ["win a prize", "hi", "see you at nine at the station my friend", "call now", "are you home", "text yes"]


HANGING = """
import asyncio, sys
from pathlib import Path
from modelyard.core.artifact import open_artifact
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.limits import Limits
from modelyard.serve.scheduler import Scheduler

async def main():
    source = ForkServer(open_artifact(Path(sys.argv[1])), opener=sys.argv[2], measure=False)
    scheduler = Scheduler(source, 2, Limits())
    await scheduler.start()
    print(*scheduler.processes, flush=True)
    await scheduler.submit([{"text": "hang"}], {}, 60)

asyncio.run(main())
"""


def run(
    source: ForkServer,
    work: Callable[[Scheduler], Coroutine[Any, Any, None]],
    limits: Limits | None = None,
    *,
    workers: int = 1,
) -> list[int]:
    """Do ``work`` with a scheduler of this model, and give the sizes of its batches."""
    sizes: list[int] = []

    async def main() -> None:
        scheduler = Scheduler(source, workers, limits or Limits(), observe_batch=sizes.append)
        await scheduler.start()
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


@pytest.mark.parametrize("workers", [1, 3])
def test_many_callers_share_batches_and_each_gets_its_own_answer(
    opened: ForkServer, predictor: Predictor, workers: int
) -> None:
    texts = [f"{text} {number}" for number in range(20) for text in TEXTS]
    expected = {text: predictor.predict([{"text": text}])[0] for text in texts}

    async def work(scheduler: Scheduler) -> None:
        assert len(set(scheduler.processes)) == workers
        answers = await asyncio.gather(*(ask(scheduler, text, "win a prize 0") for text in texts))
        for text, answer in zip(texts, answers, strict=True):
            assert list(answer) == close_to([expected[text], expected["win a prize 0"]])

    sizes = run(opened, work, workers=workers)
    assert sum(sizes) == 240
    assert 1 < max(sizes) <= Limits().batch_rows


def test_while_the_model_runs_the_next_batch_forms_by_length(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gate.wait_until_running)
        rest = [ask(scheduler, "x" * length) for length in (30, 2, 31, 3, 29)]
        # Tasks hand their rows over when they first run.
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(first, *rest)

    assert run(source, work, Limits(batch_rows=3)) == [1, 3, 2]


def test_too_much_waiting_is_turned_away_at_once(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        accepted = ask(scheduler, *TEXTS[:3])
        await asyncio.to_thread(gate.wait_until_running)
        started = time.perf_counter()
        with pytest.raises(OverloadError) as caught:
            await ask(scheduler, *TEXTS[:2])
        assert time.perf_counter() - started < 0.05
        assert caught.value.status == 503
        assert int(caught.value.headers["retry-after"]) >= 1
        fits = ask(scheduler, TEXTS[0])
        gate.open()
        assert len(await accepted) + len(await fits) == 4
        # There is room again.
        assert len(await ask(scheduler, *TEXTS[:4])) == 4

    run(source, work, Limits(queue_rows=4))


def test_a_deadline_ends_the_wait_and_the_row_is_not_run(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gate.wait_until_running)
        with pytest.raises(DeadlineError) as caught:
            await ask(scheduler, "too late", seconds=0.01)
        assert caught.value.status == 504
        gate.open()
        await first

    assert run(source, work) == [1]
    assert gate.batches == [1]


def test_what_a_caller_withdraws_is_not_run(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gate.wait_until_running)
        withdrawn = ask(scheduler, *TEXTS)
        await asyncio.sleep(0)
        withdrawn.cancel()
        with pytest.raises(asyncio.CancelledError):
            await withdrawn
        gate.open()
        await first
        await ask(scheduler, "last")

    assert run(source, work, Limits(queue_rows=7)) == [1, 1]


def test_a_bad_row_does_not_take_its_neighbours_with_it(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        first = ask(scheduler, "first")
        await asyncio.to_thread(gate.wait_until_running)
        good = ask(scheduler, "a good text")
        bad = asyncio.ensure_future(scheduler.submit([{"text": None}], {}, PATIENCE))
        await asyncio.sleep(0)
        gate.open()
        with pytest.raises(InputError, match="no 'text'"):
            await bad
        assert len(await good) == len(await first) == 1

    run(source, work)


def test_unlike_options_share_no_batch(opened: ForkServer) -> None:
    async def work(scheduler: Scheduler) -> None:
        plain = ask(scheduler, "text")
        with pytest.raises(InputError, match="colour"):
            await scheduler.submit([{"text": "text"}], {"colour": "red"}, PATIENCE)
        assert len(await plain) == 1

    assert run(opened, work) == [1, 1]


def test_closing_answers_what_was_accepted_and_takes_no_more(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        accepted = [ask(scheduler, text) for text in TEXTS]
        await asyncio.to_thread(gate.wait_until_running)
        closing = asyncio.ensure_future(scheduler.close())
        await asyncio.sleep(0)
        with pytest.raises(RefusalError) as caught:
            await ask(scheduler, "too late")
        assert caught.value.status == 503
        gate.open()
        assert [len(answer) for answer in await asyncio.gather(*accepted)] == [1] * len(TEXTS)
        await closing
        assert not scheduler.alive

    run(source, work)


def test_the_event_loop_stays_free_while_the_model_runs(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        waiting = [ask(scheduler, text) for text in TEXTS]
        await asyncio.to_thread(gate.wait_until_running)
        longest = 0.0
        for _ in range(200):
            started = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - started)
        assert not any(task.done() for task in waiting)
        assert longest < 0.1
        gate.open()
        await asyncio.gather(*waiting)

    run(source, work)


def test_a_panic_of_a_native_library_fails_its_rows_only(faulty: ForkServer) -> None:
    async def work(scheduler: Scheduler) -> None:
        process = scheduler.processes
        with pytest.raises(WorkerError, match="Panic in a worker"):
            await ask(scheduler, "panic")
        assert len(await ask(scheduler, "second")) == 1
        assert scheduler.processes == process

    run(faulty, work)


def test_what_a_killed_worker_had_is_tried_again_and_nothing_fails(gated: Gated) -> None:
    source, gate = gated

    async def work(scheduler: Scheduler) -> None:
        before = scheduler.processes
        answers = [ask(scheduler, text) for text in TEXTS]
        await asyncio.to_thread(gate.wait_until_running)
        await asyncio.to_thread(gate.wait_until_running)
        for process in before:
            os.kill(process, signal.SIGKILL)
        gate.open()
        assert [len(answer) for answer in await asyncio.gather(*answers)] == [1] * len(TEXTS)
        assert scheduler.alive
        assert not set(before) & set(scheduler.processes)

    sizes = run(source, work, workers=2)
    # What shared a batch with a row that may have ended the worker is tried apart.
    assert sizes[2:] == [1] * len(TEXTS)


def test_a_row_that_ends_two_workers_is_not_tried_a_third_time(faulty: ForkServer) -> None:
    losses: list[None] = []

    async def work() -> None:
        scheduler = Scheduler(faulty, 2, Limits(), observe_loss=lambda: losses.append(None))
        await scheduler.start()
        good = [ask(scheduler, text) for text in TEXTS]
        bad = ask(scheduler, "good", "end the worker", "good too")
        with pytest.raises(QuarantineError) as caught:
            await bad
        assert (caught.value.status, caught.value.code) == (500, "quarantined")
        assert [len(answer) for answer in await asyncio.gather(*good)] == [1] * len(TEXTS)
        with pytest.raises(QuarantineError):
            await ask(scheduler, "end the worker")
        assert len(losses) == 2
        assert len(await ask(scheduler, "good", "good too")) == 2
        await scheduler.close()

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_a_worker_that_hangs_is_ended(faulty: ForkServer) -> None:
    async def work(scheduler: Scheduler) -> None:
        with pytest.raises(QuarantineError):
            await ask(scheduler, "hang")
        assert len(await ask(scheduler, "good")) == 1

    run(faulty, work, Limits(batch_seconds=0.3))


def test_idle_workers_that_are_killed_come_back_and_readiness_tells_it(opened: ForkServer) -> None:
    lost = asyncio.Event()

    async def work() -> None:
        scheduler = Scheduler(opened, 1, Limits(), observe_loss=lost.set)
        await scheduler.start()
        for _ in range(3):
            assert scheduler.alive
            lost.clear()
            os.kill(scheduler.processes[0], signal.SIGKILL)
            await lost.wait()
            assert not scheduler.alive
            # It waits for the next worker, which is there soon.
            assert len(await ask(scheduler, "text")) == 1
        await scheduler.close()

    asyncio.run(asyncio.wait_for(work(), PATIENCE))


def test_a_process_that_cannot_be_forked_from_any_more_is_opened_again(classifier: Model) -> None:
    lost = asyncio.Event()

    async def work(source: ForkServer) -> None:
        scheduler = Scheduler(source, 1, Limits(), observe_loss=lost.set)
        await scheduler.start()
        first = source.process
        assert first is not None
        for process in (first, *scheduler.processes):
            os.kill(process, signal.SIGKILL)
        await lost.wait()
        assert len(await ask(scheduler, "text")) == 1
        assert source.process != first
        await scheduler.close()

    with ForkServer(classifier, measure=False) as source:
        asyncio.run(asyncio.wait_for(work(source), PATIENCE))


def test_where_no_worker_comes_back_callers_are_turned_away(classifier: Model) -> None:
    async def work(source: ForkServer) -> None:
        scheduler = Scheduler(source, 1, Limits())
        await scheduler.start()
        # Nothing can be forked any more.
        source.close()
        os.kill(scheduler.processes[0], signal.SIGKILL)
        with pytest.raises(DeadlineError):
            await ask(scheduler, "text", seconds=0.2)
        assert not scheduler.alive
        await asyncio.to_thread(until, lambda: not scheduler.hopeful)
        with pytest.raises(RefusalError, match="not running") as caught:
            await ask(scheduler, "text")
        assert caught.value.headers["retry-after"] == "1"
        await scheduler.close()

    asyncio.run(asyncio.wait_for(work(ForkServer(classifier, measure=False)), PATIENCE))


def test_a_model_that_cannot_be_opened_is_told_at_once(classifier: Model, tmp_path: Path) -> None:
    shutil.copytree(classifier.path, tmp_path / "model", ignore=shutil.ignore_patterns(MANIFEST))
    (tmp_path / "model" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match="cannot load"):
        ForkServer(classifier.rewrite(tmp_path / "model", parents=[classifier]))
    with pytest.raises(ModelyardError, match="ended with code 3"):
        ForkServer(classifier, opener="tests.serve.openers:fail_to_open")


def test_a_row_that_comes_alone_is_answered_by_all_cores(classifier: Model) -> None:
    async def work(scheduler: Scheduler) -> None:
        async def cores(*texts: str) -> set[int]:
            return {answer["cores"] for answer in await ask(scheduler, *texts)}

        assert await cores("hello you") == {1}
        for _ in range(2):
            # It learns what one core takes, and a worker opens the model for both; so does the one that follows it.
            while await cores("hello you") != {2}:
                continue
            # Whoever comes just after others may be one of many.
            for texts in [("hello you", "hello there"), *[("hello you",)] * 8]:
                assert await cores(*texts) == {1}
            assert await cores("hello you") == {2}
            os.kill(scheduler.processes[0], signal.SIGKILL)

    with ForkServer(classifier, spread=2, measure=False, opener="tests.serve.openers:open_cores") as source:
        run(source, work, workers=2)


def test_where_the_model_cannot_be_opened_for_all_cores_one_answers(
    classifier: Model, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # All cores are wanted before the forty are over.
    monkeypatch.setattr(breadth, "_FIRST", 8)

    async def work(scheduler: Scheduler) -> None:
        for _ in range(40):
            (answer,) = await ask(scheduler, "hello")
            assert answer["cores"] == 1

    with ForkServer(classifier, spread=2, measure=False, opener="tests.serve.openers:open_for_one_core") as source:
        run(source, work, workers=2)
    (told,) = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "no memory for more" in line]
    assert told["event.action"] == "spread"
    assert told["log.level"] == "warn"


def test_workers_end_with_the_server_whatever_they_are_at(classifier: Model) -> None:
    command = [sys.executable, "-c", HANGING, str(classifier.path), "tests.serve.openers:open_faulty"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
        assert server.stdout
        watches = [os.pidfd_open(int(process)) for process in server.stdout.readline().split()]
        server.kill()
    assert len(watches) == 2
    for watch in watches:
        assert select.select([watch], [], [], PATIENCE)[0]
        os.close(watch)
