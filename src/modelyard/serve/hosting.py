"""The models that a server answers with: several names, several versions of each, one default.

Knows no yard and no recipe: a model comes as an opened predictor, or as a callable that opens one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from modelyard.serve.scheduler import Scheduler

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class Hosted:
    """An opened model under the name and version that callers use.

    Attributes:
        about: JSON values that its metadata tells (digest, verdict, …).
    """

    name: str
    version: str
    predictor: Predictor
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for word in (self.name, self.version):
            if not _NAME.fullmatch(word):
                raise InputError(
                    f"{word!r} cannot be served under that name", expected="letters, digits, '.', '_' and '-'"
                )


@dataclass(frozen=True)
class Served:
    """A hosted model with the scheduler that runs it."""

    hosted: Hosted
    scheduler: Scheduler

    @property
    def name(self) -> str:
        return self.hosted.name

    @property
    def version(self) -> str:
        return self.hosted.version

    @property
    def predictor(self) -> Predictor:
        return self.hosted.predictor

    @property
    def label(self) -> str:
        """``name:version``, as answers give it."""
        return f"{self.name}:{self.version}"


class Host:
    """Finds models by name and version, and opens and closes them.

    Args:
        models: opened models; the first version of a name is its default.
    """

    def __init__(self, models: Sequence[Hosted], limits: Limits, metrics: Metrics) -> None:
        self._limits, self._metrics = limits, metrics
        self._served: dict[str, dict[str, Served]] = {}
        self._defaults: dict[str, str] = {}
        self._loading: set[tuple[str, str]] = set()
        self._closing = False
        for hosted in models:
            self.add(hosted)

    def add(self, hosted: Hosted) -> None:
        """Answer with this model too.

        Raises:
            InputError: that version is served already.
        """
        if hosted.version in self._served.get(hosted.name, {}):
            raise InputError(f"{hosted.name}:{hosted.version} is served already", fix="name every version once")
        observe = self._metrics.batch_rows.labels(hosted.name, hosted.version).observe
        scheduler = Scheduler(hosted.predictor, self._limits, observe)
        self._served.setdefault(hosted.name, {})[hosted.version] = Served(hosted, scheduler)
        self._defaults.setdefault(hosted.name, hosted.version)

    async def load(self, name: str, version: str, opener: Callable[[], Hosted]) -> None:
        """Open a model in a thread and add it; until then it is known but not ready.

        Args:
            opener: slow; returns the model of that name and version.
        """
        self._loading.add((name, version))
        try:
            hosted = await asyncio.to_thread(opener)
            if (hosted.name, hosted.version) != (name, version):
                raise InputError(f"{hosted.name}:{hosted.version} was opened", expected=f"{name}:{version}")
            self.add(hosted)
        finally:
            self._loading.discard((name, version))

    def find(self, name: str, version: str | None = None) -> Served:
        """The model of that name, in its default version unless one is named.

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
        known = ", ".join(item.label for item in self.models()) or "nothing yet"
        raise RefusalError(404, f"no model {asked!r}", expected=f"one of: {known}", code="model_not_found")

    def models(self) -> list[Served]:
        """Every version of every name; a name's default version stands first."""
        return [
            served
            for name, versions in self._served.items()
            for served in sorted(versions.values(), key=lambda item: item.version != self._defaults[name])
        ]

    def names(self) -> list[str]:
        return list(self._served)

    @property
    def ready(self) -> bool:
        """Every name has a default version that answers, and the server is not going down."""
        waiting = {name for name, _ in self._loading} - set(self._served)
        alive = all(self.find(name).scheduler.alive for name in self._served)
        return bool(self._served) and not waiting and alive and not self._closing

    async def close(self) -> None:
        """Answer what was accepted, then close the sessions."""
        self._closing = True
        for served in self.models():
            await served.scheduler.close()
            served.predictor.close()
