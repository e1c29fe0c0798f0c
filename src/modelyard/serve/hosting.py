"""The models that a server answers with: several names, several versions of each, one default.

Knows no yard and no recipe: a model comes opened in a fork server, or as a callable that opens one.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from modelyard.core import lookup, memory
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import raw_columns
from modelyard.core.processors import cores
from modelyard.core.task import GeneratingTask, Prediction, Task
from modelyard.core.transform import Row
from modelyard.methods.rules import Serving
from modelyard.serve.canary import Canary, Wish
from modelyard.serve.drift import Window
from modelyard.serve.findings import Standing
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.limits import Limits
from modelyard.serve.live import Live
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from modelyard.serve.residence import Lodger, Residence
from modelyard.serve.scheduler import Scheduler
from modelyard.serve.tensors import Kind
from modelyard.serve.waiting import Caller

Opener = Callable[[], "Hosted"]
Check = Callable[["Served"], Awaitable[None]]

SLOTS = 16
CACHE_BYTES = 10**9
COPIES = 64
"""Copies that are answered at once; more are left out."""
COPY_SECONDS = 10.0
COPIER = Caller("copies for a canary", 0.25)

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Hosted:
    """An opened model under the name and version that callers use.

    Attributes:
        source: where its workers come from; who opened it closes it.
        workers: how many run at once.
        about: JSON values that its metadata tells (digest, verdict, …).
        serving: rules, review and feedback.
    """

    name: str
    version: str
    source: ForkServer
    workers: int = 1
    about: Mapping[str, Any] = field(default_factory=dict)
    serving: Serving = field(default_factory=Serving)

    def __post_init__(self) -> None:
        check_name(self.name)
        check_name(self.version)


def open_model(
    name: str,
    version: str,
    model: Model,
    *,
    workers: int | None = None,
    memory_limit: int | None = None,
    slots: int = SLOTS,
    cache_bytes: int = CACHE_BYTES,
    about: Mapping[str, Any] | None = None,
    serving: Serving | None = None,
) -> Hosted:
    """Open a model as it is served best: predictions by workers of one core each, generated text with all cores.

    Args:
        workers: how many; None for one a core, or one in all for generated text.
        slots: answers of generated text that a worker writes at once.
        cache_bytes: what their keys and values may take in a worker.

    Raises:
        InputError: the name cannot be served, or the model cannot be opened.
    """
    check_name(name)
    check_name(version)
    task = lookup.task(model.task)
    generates = "generation" in task.abilities
    # Answers that are written side by side share every call: one worker with all cores has the largest batch.
    threads = None if generates and workers is None else 1
    workers = workers or (1 if generates else cores())
    tokens = cache_bytes // cast(GeneratingTask, task).token_bytes(model) if generates else 0
    source = ForkServer(
        model,
        threads=threads,
        spread=cores_alone(model, workers, memory_limit),
        memory_limit=memory_limit,
        slots=slots,
        cache_tokens=tokens,
    )
    return Hosted(name, version, source, workers, about or {}, serving or Serving())


def cores_alone(model: Model, workers: int, memory_limit: int | None = None) -> int:
    """Cores for a batch that has the model to itself: those of all workers, where one may open the model once more.

    Not where memory was said to be scarce, and not for generated text, whose answers share every call.
    """
    scarce = memory_limit is not None or memory.stated_limit() is not None
    generates = "generation" in lookup.task(model.task).abilities
    may = "threads" in lookup.runtime(model.runtime).abilities and not scarce and not generates
    return workers if may else 1


def check_name(word: str) -> None:
    """Names and versions stand in paths and labels.

    Raises:
        InputError: it has other characters.
    """
    if not NAME.fullmatch(word):
        raise InputError(f"{word!r} cannot be served under that name", expected="letters, digits, '.', '_' and '-'")


class Leases:
    """Requests that hold a model: it stays until the last of them has its answer."""

    def __init__(self) -> None:
        self._count = 0
        self._none = asyncio.Event()
        self._none.set()
        self._used = time.monotonic()

    @property
    def last_use(self) -> tuple[bool, float]:
        """Whether requests hold it, and when the last one began or ended: the least is the longest unused."""
        return self._count > 0, self._used

    def take(self) -> None:
        """One more request holds it."""
        self._count += 1
        self._used = time.monotonic()
        self._none.clear()

    def give_back(self) -> None:
        """A request is over."""
        self._count -= 1
        self._used = time.monotonic()
        if not self._count:
            self._none.set()

    async def all_back(self) -> None:
        """Wait until no request holds it."""
        await self._none.wait()


@dataclass(frozen=True)
class Served:
    """A hosted model with the scheduler that runs it, and the requests that it answers now."""

    hosted: Hosted
    scheduler: Scheduler
    leases: Leases = field(default_factory=Leases)
    live: Live = field(default_factory=Live)
    window: Window = field(default_factory=Window)
    standing: Standing = field(default_factory=Standing)

    @property
    def name(self) -> str:
        return self.hosted.name

    @property
    def version(self) -> str:
        return self.hosted.version

    @property
    def model(self) -> Model:
        return self.hosted.source.model

    @cached_property
    def task(self) -> Task:
        return lookup.task(self.model.task)

    @property
    def processor(self) -> Any:
        """What the task needs beside rows, a chat template say."""
        return self.scheduler.processor

    @cached_property
    def kinds(self) -> Mapping[str, Kind]:
        """What a request holds, by the name of the tensor: the roles of a row, or the columns of a table."""
        if "features" in self.task.abilities:
            return {**raw_columns(self.model, self.processor)}
        return {role: "file" if role in {"image"} & self.task.abilities else "text" for role in self.task.inputs}

    @cached_property
    def label(self) -> str:
        """``name:version``, as answers give it."""
        return f"{self.name}:{self.version}"


class Host:
    """Finds models by name and version, and starts and ends their workers.

    Args:
        models: opened models; the first version of a name is its default.
        lodgers: those of them, and others, that are opened and closed as they are asked.
        memory_limit: bytes that the open ones of these may take.
    """

    def __init__(
        self,
        models: Sequence[Hosted],
        limits: Limits,
        metrics: Metrics,
        *,
        lodgers: Sequence[Lodger] = (),
        memory_limit: int | None = None,
    ) -> None:
        self._limits, self._metrics = limits, metrics
        self.residence = Residence(self, lodgers, memory_limit, metrics)
        self._served: dict[str, dict[str, Served]] = {}
        self._defaults: dict[str, str] = {}
        self._loading: set[tuple[str, str]] = set()
        self._opened: list[ForkServer] = []
        self._retiring: set[asyncio.Task[None]] = set()
        self._copies: set[asyncio.Task[None]] = set()
        self._canaries: dict[str, Canary] = {}
        self._closing = False
        for hosted in models:
            self._add(hosted)

    @property
    def load_seconds(self) -> float:
        """How long a request waits for a model that is not loaded."""
        return self._limits.load_seconds

    async def start(self) -> None:
        """Start the workers of the models that were given."""
        for served in self.models():
            await served.scheduler.start()

    async def load(self, name: str, version: str, opener: Callable[[], Hosted]) -> None:
        """Open a model in a thread and answer with it too; until then it is known but not ready.

        Args:
            opener: slow; returns the model of that name and version. This host closes it.

        Raises:
            InputError: another model was opened, or that version is served already.
        """
        self._loading.add((name, version))
        try:
            hosted = await asyncio.to_thread(opener)
            self._opened.append(hosted.source)
            if (hosted.name, hosted.version) != (name, version):
                raise InputError(f"{hosted.name}:{hosted.version} was opened", expected=f"{name}:{version}")
            served = self._make(hosted)
            await served.scheduler.start()
            self._add(hosted, served)
        finally:
            self._loading.discard((name, version))

    async def replace(self, name: str, version: str, opener: Opener, check: Check) -> None:
        """Open another version beside the one that answers, check it, and let it answer from then on.

        Arguments and errors are those of :meth:`open_beside`.
        """
        await self.open_beside(name, version, opener, check)
        self.switch(name, version)

    async def open_beside(self, name: str, version: str, opener: Opener, check: Check) -> Served:
        """Open another version, which answers those who name it.

        If anything about it is wrong, it is closed without having been asked by anybody.

        Args:
            opener: slow; returns the model of that name and version.
            check: asks it something; raises if it is not to take traffic.

        Raises:
            InputError: another model was opened, or that version is served already.
        """
        if version in self._served.get(name, {}):
            raise _served_already(name, version)
        hosted = await asyncio.to_thread(opener)
        self._opened.append(hosted.source)
        served = self._make(hosted)
        try:
            if (hosted.name, hosted.version) != (name, version):
                raise InputError(f"{hosted.name}:{hosted.version} was opened", expected=f"{name}:{version}")
            await served.scheduler.start()
            await check(served)
        except BaseException:
            await self._close(served)
            raise
        self._add(hosted, served)
        return served

    def switch(self, name: str, version: str) -> None:
        """Let a version that is served answer from now on.

        The old one answers all requests that came before, and is closed after the last of them.
        """
        old, self._defaults[name] = self._defaults[name], version
        self._end_trial(name, version)
        if old != version:
            self.retire(name, old)

    def retire(self, name: str, version: str) -> None:
        """Close a version, which is not the default, after the last request that it answers."""
        self._end_trial(name, version)
        _begin(self._retire(self._served[name].pop(version)), self._retiring)

    def has(self, name: str) -> bool:
        """Whether a version of that name answers."""
        return name in self._served

    def last_use(self, name: str) -> tuple[bool, float]:
        """Of all its versions; see :attr:`Leases.last_use`."""
        return max(served.leases.last_use for served in self._served[name].values())

    async def put_away(self, name: str) -> None:
        """Close all versions of a name after the last request that they answer; nobody finds them from now on."""
        versions = self._served.pop(name)
        self._defaults.pop(name)
        self._canaries.pop(name, None)
        await asyncio.gather(*(self._retire(served) for served in versions.values()))

    def _end_trial(self, name: str, version: str) -> None:
        canary = self._canaries.get(name)
        if canary is not None and canary.version == version:
            del self._canaries[name]

    def set_canary(self, name: str, canary: Canary) -> None:
        """Let a version that is served take a part of the traffic, or copies of it."""
        self._canaries[name] = canary

    def choose(
        self, name: str, version: str | None, wish: Wish, *, visible: Callable[[str], bool] = lambda name: True
    ) -> Served:
        """The model that answers a request: as :meth:`find`, but a canary takes its share.

        Args:
            wish: what the caller says of canaries.
        """
        canary = self._canaries.get(name)
        if version is None and canary is not None and canary.takes(wish):
            version = canary.version
        return self.find(name, version, visible=visible)

    def mirror(
        self, served: Served, rows: Sequence[Row], options: Mapping[str, Any], predictions: Sequence[Prediction]
    ) -> None:
        """Have the canary answer a copy of what the default version answered, if it is its turn; nobody waits."""
        canary = self._canaries.get(served.name)
        if canary is None or served.version == canary.version or len(self._copies) >= COPIES or not canary.copies():
            return
        other = self.find(served.name, canary.version)
        other.leases.take()
        _begin(_copy(other, rows, options, predictions, shadow=canary.weight == 0), self._copies)

    def watch(self, served: Served, rows: Sequence[Row], predictions: Sequence[Prediction]) -> None:
        """Have some of the rows held against what the version was proven on; nobody waits."""
        large = "image" in served.task.abilities
        if large and len(self._copies) >= COPIES:
            return
        if served.window.saw(rows, predictions) and large:
            # Texts wait until somebody judges the window; images would take too much room.
            _begin(asyncio.to_thread(served.window.look), self._copies)

    async def _retire(self, served: Served) -> None:
        await served.leases.all_back()
        await self._close(served)

    async def _close(self, served: Served) -> None:
        await served.scheduler.close()
        source = served.hosted.source
        await asyncio.to_thread(source.close)
        self._opened = [other for other in self._opened if other is not source]
        if served.version not in self._served.get(served.name, {}):
            # A rollback may have brought the same version back meanwhile.
            self._metrics.forget(served.name, served.version)

    def _make(self, hosted: Hosted) -> Served:
        labels = (hosted.name, hosted.version)
        generates = "generation" in lookup.task(hosted.source.model.task).abilities
        scheduler = Scheduler(
            hosted.source,
            hosted.workers,
            self._limits,
            observe_batch=self._metrics.batch_rows.labels(*labels).observe,
            observe_loss=self._metrics.worker_losses.labels(*labels).inc,
            pace=self._metrics.pace(*labels) if generates else None,
        )
        if generates:
            self._show_writing(scheduler, *labels)
        self._metrics.queue_rows.labels(*labels).set_function(lambda: scheduler.waiting_rows)
        self._metrics.workers.labels(*labels).set_function(lambda: len(scheduler.processes))
        return Served(hosted, scheduler)

    def _show_writing(self, scheduler: Scheduler, *labels: str) -> None:
        self._metrics.answers_running.labels(*labels).set_function(lambda: scheduler.running)
        tokens = self._metrics.cache_tokens
        tokens.labels(*labels, "held").set_function(lambda: scheduler.room.held)
        tokens.labels(*labels, "waiting").set_function(lambda: scheduler.waiting_tokens)
        tokens.labels(*labels, "all").set(scheduler.room.tokens)

    def _add(self, hosted: Hosted, served: Served | None = None) -> None:
        if hosted.version in self._served.get(hosted.name, {}):
            raise _served_already(hosted.name, hosted.version)
        self._served.setdefault(hosted.name, {})[hosted.version] = served or self._make(hosted)
        self._defaults.setdefault(hosted.name, hosted.version)

    def find(
        self, name: str, version: str | None = None, *, visible: Callable[[str], bool] = lambda name: True
    ) -> Served:
        """The model of that name, in its default version unless one is named.

        Args:
            visible: names that a refusal may tell.

        Raises:
            RefusalError: 404 where there is none, 503 while it is being opened.
        """
        number = version or self._defaults.get(name, "")
        served = self._served.get(name, {}).get(number)
        if served is not None:
            return served
        asked = f"{name}:{version}" if version else name
        if any(entry == name and version in (None, number) for entry, number in self._loading):
            raise RefusalError(503, f"{asked} is being loaded", code="loading", headers={"retry-after": "1"})
        if self.residence.sleeps(name) and visible(name):
            raise RefusalError(503, f"{name} is not loaded", fix="ask it something: that loads it", code="not_loaded")
        known = ", ".join(item.label for item in self.models() if visible(item.name)) or "nothing yet"
        raise RefusalError(404, f"no model {asked!r}", expected=f"one of: {known}", code="model_not_found")

    def models(self) -> list[Served]:
        """Every version of every name; a name's default version stands first."""
        return [
            served
            for name, versions in self._served.items()
            for served in sorted(versions.values(), key=lambda item: item.version != self._defaults[name])
        ]

    @property
    def ready(self) -> bool:
        """Every name has a default version that answers or is opened when it is asked, and the server is not going
        down."""
        asleep = set(self.residence.asleep)
        waiting = {name for name, _ in self._loading} - set(self._served) - asleep
        alive = all(self.find(name).scheduler.alive for name in self._served)
        return bool(self._served or asleep) and not waiting and alive and not self._closing

    async def close(self) -> None:
        """Answer what was accepted, then end the workers, and close what this host opened."""
        self._closing = True
        for task in self._copies:
            task.cancel()
        await asyncio.gather(*(served.scheduler.close() for served in self.models()), *self._retiring)
        for source in self._opened:
            await asyncio.to_thread(source.close)


def _begin(work: Coroutine[Any, Any, None], kept: set[asyncio.Task[None]]) -> None:
    """Do something beside what is done now; it is kept until it is over, as the event loop keeps no hold of it."""
    task = asyncio.create_task(work)
    kept.add(task)
    task.add_done_callback(kept.discard)


async def _copy(
    other: Served, rows: Sequence[Row], options: Mapping[str, Any], predictions: Sequence[Prediction], *, shadow: bool
) -> None:
    """What another version says of the same rows, for its own record only."""
    started = time.perf_counter()
    try:
        answers = await other.scheduler.submit(rows, options, COPY_SECONDS, COPIER)
    except RefusalError:
        # Too much to do: a copy is the first that is left out, and nothing is known.
        return
    except Exception:
        other.live.saw(time.perf_counter() - started, failed=True)
    else:
        if shadow:
            other.live.saw(time.perf_counter() - started, failed=False)
            other.live.answered(answers)
        other.live.compared(answers, predictions)
    finally:
        other.leases.give_back()


def _served_already(name: str, version: str) -> InputError:
    return InputError(f"{name}:{version} is served already", fix="name every version once")
