"""A server that goes where the yard's aliases go: a promotion or a rollback takes effect while requests come in.

The yard is asked again and again, since it may be another process that promotes. A version that is found unfit is
left alone until the alias moves again; what answered before goes on. A build alone changes nothing that is served.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from modelyard.core import memory
from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.recipes.serve_section import check_serving, serving_of
from modelyard.serve.hosting import CACHE_BYTES, SLOTS, Check, Host, Hosted, Opener, Served, open_model
from modelyard.serve.log import model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from modelyard.serve.rollout import Rollouts
from modelyard.serve.smoke import check_smoke, smoke_of
from modelyard.yard.naming import PRODUCTION, Reference
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard

SECONDS = 0.5
"""Between two looks at the yard: what a promotion waits at most before it is noticed."""


class OpenVersion(Protocol):
    """Opens a version of a yard, as :func:`open_version` does."""

    def __call__(
        self,
        yard: Yard,
        version: Version,
        *,
        workers: int | None,
        memory_limit: int | None,
        beside: Sequence[Model] = (),
    ) -> Hosted: ...


def open_version(
    yard: Yard,
    version: Version,
    *,
    workers: int | None,
    memory_limit: int | None,
    beside: Sequence[Model] = (),
    model: Model | None = None,
    slots: int = SLOTS,
    cache_bytes: int = CACHE_BYTES,
) -> Hosted:
    """Open a version of the yard, its files hashed again; that is recorded.

    Args:
        memory_limit: bytes that it may take, together with the models that are open beside it.
        model: that of the version, where its files were hashed just now.
        slots: as :func:`open_model` takes it, like ``cache_bytes``.

    Raises:
        IntegrityError: they are not what was stored.
        InputError: it takes more memory than there may be used, cannot be opened, or its rules do not fit it.
    """
    model = model or yard.model(version)
    memory.require_models([model, *beside], memory_limit)
    serving = serving_of(yard.release(version).recipe)
    check_serving(serving, model)
    yard.record("load", version.name, {"version": version.number, "release": version.release, "model": model.digest})
    about = {"digest": model.digest, "verdict": version.verdict.value, "base": model.base}
    return open_model(
        version.name,
        str(version.number),
        model,
        workers=workers,
        memory_limit=memory_limit,
        slots=slots,
        cache_bytes=cache_bytes,
        about=about,
        serving=serving,
    )


class Following:
    """Keeps a host on the versions that aliases point to.

    Args:
        references: of the releases that are served. One with a number stays; a plain name follows ``production``.
        workers: processes of each model.
        memory_limit: bytes that all models together may take; while one takes another's place, both are there.
        seconds: between two looks at the yard.
        open_it: opens a version.
        admit: raises for a version that is not to be loaded; by default one that the yard wants signed and is not.
    """

    def __init__(
        self,
        yard: Yard,
        references: Sequence[str],
        *,
        workers: int | None = None,
        memory_limit: int | None = None,
        admit: Callable[[Version], None] | None = None,
        seconds: float = SECONDS,
        open_it: OpenVersion = open_version,
    ) -> None:
        self._yard, self._workers, self._memory_limit, self._seconds = yard, workers, memory_limit, seconds
        self._open_it = open_it
        self._admit = admit or yard.signing.admit
        parsed = [Reference.parse(reference) for reference in references]
        self._followed = {item.name: item.alias or PRODUCTION for item in parsed if item.number is None}
        self._unfit: dict[str, int] = {}
        self._rollouts = Rollouts(yard, self._opener, self._fit)

    async def run(self, host: Host, metrics: Metrics) -> None:
        """Look at the yard for ever."""
        for name in self._followed:
            metrics.follow(name)
        while True:
            for name in self._followed:
                try:
                    await self.look(host, metrics, name)
                    if host.has(name):
                        await self._rollouts.look(host, metrics, name)
                except (ModelyardError, RefusalError, OSError) as error:
                    problem = {"labels.model": name, "error.message": str(error).splitlines()[0]}
                    write_log("following", problem, level="error")
            await asyncio.sleep(self._seconds)

    async def look(self, host: Host, metrics: Metrics, name: str) -> None:
        """Serve the version that the name's alias points to, if it is another than now and is fit to be."""
        version = await asyncio.to_thread(self._wanted, name)
        if not host.has(name):
            # It is opened in the version of then when it is asked.
            return
        served = host.find(name)
        if version is None or self._unfit.get(name) == version.number or served.version == str(version.number):
            return
        self._unfit.pop(name, None)
        await self._swap(host, metrics, served, version)

    def _wanted(self, name: str) -> Version | None:
        """The version behind the alias; None where the alias does not exist (any more)."""
        alias = self._followed[name]
        return next((version for version in self._yard.versions(name) if alias in version.aliases), None)

    async def _swap(self, host: Host, metrics: Metrics, served: Served, version: Version) -> None:
        outcome, problem = "done", ""
        try:
            check = self._fit(served, version)
            await host.replace(version.name, str(version.number), self._opener(host, version), check)
        except (ModelyardError, OSError) as error:
            self._unfit[version.name] = version.number
            outcome, problem = "unfit", str(error).splitlines()[0]
        metrics.swaps.labels(version.name, outcome).inc()
        fields = {
            **model_labels(version.name, str(version.number)),
            "labels.from": served.version,
            "event.outcome": "failure" if problem else "success",
            "error.message": problem,
        }
        write_log("swap", fields, level="error" if problem else "info")
        details = {"from": int(served.version), "to": version.number, "outcome": outcome}
        details |= {"problem": problem} if problem else {}
        await asyncio.to_thread(self._yard.record, "swap", version.name, details)

    def _fit(self, served: Served, version: Version) -> Check:
        async def check(candidate: Served) -> None:
            _check_signature(served, candidate)
            smoke = await asyncio.to_thread(lambda: smoke_of(self._yard, self._yard.release(version)))
            await check_smoke(candidate, smoke)

        return check

    def _opener(self, host: Host, version: Version) -> Opener:
        def open_it() -> Hosted:
            self._admit(version)
            beside = [served.model for served in host.models()]
            limit = self._memory_limit
            return self._open_it(self._yard, version, workers=self._workers, memory_limit=limit, beside=beside)

        return open_it


def _check_signature(old: Served, new: Served) -> None:
    """See that who asks the old version can ask the new one.

    Raises:
        InputError: another task, other inputs, or a class that is gone.
    """
    gone = sorted(set(old.model.labels) - set(new.model.labels))
    if (new.task.name, new.kinds) != (old.task.name, old.kinds) or gone:
        what = f"knows no class {gone[0]!r}" if gone else f"takes {', '.join(new.kinds)} for {new.task.name}"
        raise InputError(
            f"{new.label} {what}",
            expected=f"the task, the inputs and the classes of {old.label}, whose callers go on",
            fix="serve it under another name",
        )
