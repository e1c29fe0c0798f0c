"""Watches the versions that are served: shows how far live rows are from what each was proven on, and raises alarms.

Runs beside the server. Knows the yard and the metrics; no HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import ModelyardError
from modelyard.core.predictor import apply_opened, apply_transforms, open_transforms
from modelyard.core.release import Release
from modelyard.core.requirement import Requirement, Verdict
from modelyard.core.task import EMBEDDING, Prediction
from modelyard.core.transform import Row, pending_transforms
from modelyard.serve import alarms, features
from modelyard.serve.alarm_bell import Bell
from modelyard.serve.alarms import Alarms
from modelyard.serve.drift import FeatureDrift, Reference
from modelyard.serve.features import Value
from modelyard.serve.findings import Finding
from modelyard.serve.hosting import Host, Served
from modelyard.serve.log import model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.promises import promised_by
from modelyard.serve.smoke import answers_of
from modelyard.serve.waiting import Caller
from modelyard.yard.yard import Yard

SECONDS = 10.0
"""Between two looks at the windows."""
SPLIT = "test"
"""What was never resampled, and what the release's own answers are known of."""
LEARNED = "train"
"""What the tokens that the model has seen are taken from."""
ROWS = 2000
"""Of a split, chosen by chance."""
CALLER = Caller("watching", 0.25)
PATIENCE = 5.0
"""Seconds that embeddings may take; what is busy tells them another time."""

_Version = tuple[str, str]


class Watching:
    """Keeps drift and promises in view.

    Args:
        yard: where the versions come from.
        seconds: between two looks.
        bell: tells of alarms.
        lasts: seconds for which something must be wrong before that is one.
    """

    def __init__(
        self, yard: Yard, *, seconds: float = SECONDS, bell: Bell | None = None, lasts: float = alarms.LASTS
    ) -> None:
        self._yard, self._seconds = yard, seconds
        self._bell, self._alarms = bell or Bell(), Alarms(lasts=lasts)
        self._known: dict[_Version, Served] = {}
        self._promised: dict[_Version, Sequence[Requirement]] = {}
        self._drifted: set[tuple[str, str, str]] = set()

    async def run(self, host: Host, metrics: Metrics) -> None:
        """Look for ever."""
        try:
            while True:
                served = {(item.name, item.version): item for item in host.models()}
                for gone in self._known.keys() - served.keys():
                    self._forget(metrics, gone)
                for item in served.values():
                    await self._look(metrics, item)
                await asyncio.sleep(self._seconds)
        finally:
            await asyncio.to_thread(self._bell.close)

    async def _look(self, metrics: Metrics, served: Served) -> None:
        if self._known.get((served.name, served.version)) is not served:
            self._known[served.name, served.version] = served
            try:
                self._promised[served.name, served.version] = await asyncio.to_thread(begin, self._yard, served)
            except (ModelyardError, OSError) as error:
                problem = {"error.message": str(error).splitlines()[0]}
                write_log("watching", model_labels(served.name, served.version) | problem, level="error")
        promised = self._promised.get((served.name, served.version), ())
        await served.window.vectors.look(partial(_embeddings, served))
        drifts, findings = await asyncio.to_thread(self._judge, served, promised)
        self._show(metrics, served, drifts)
        told = served.hosted.serving.alarms
        self._bell.ring(self._alarms.look(findings, time.time()), told, metrics)

    def _judge(self, served: Served, promised: Sequence[Requirement]) -> tuple[list[FeatureDrift], list[Finding]]:
        drifts = served.window.judge()
        reviewed = self._yard.reviews.agreement(served.name, int(served.version)) if promised else (0, 0)
        served.standing.findings = alarms.find(served, promised, drifts, reviewed)
        return drifts, list(served.standing.findings)

    def _show(self, metrics: Metrics, served: Served, found: list[FeatureDrift]) -> None:
        for item in found:
            metrics.show_drift(served.name, served.version, item)
            place, drifted = (served.name, served.version, item.feature), item.verdict is Verdict.NOT_MET
            if drifted != (place in self._drifted):
                (self._drifted.add if drifted else self._drifted.discard)(place)
                fields = model_labels(served.name, served.version) | {"modelyard": item.to_json()}
                write_log("drift" if drifted else "drift over", fields, level="warn" if drifted else "info")

    def _forget(self, metrics: Metrics, version: _Version) -> None:
        told = self._known.pop(version).hosted.serving.alarms
        self._promised.pop(version, None)
        self._bell.ring(self._alarms.forget(*version, time.time()), told, metrics)
        self._drifted = {place for place in self._drifted if place[:2] != version}
        metrics.forget_watching(*version)


async def _embeddings(served: Served, rows: Sequence[Row]) -> Sequence[Prediction]:
    served.leases.take()
    try:
        return await served.scheduler.submit(rows, {EMBEDDING: True}, PATIENCE, CALLER)
    finally:
        served.leases.give_back()


def begin(yard: Yard, served: Served) -> Sequence[Requirement]:
    """Have a version's rows looked at, if it is known what it was proven on; what it was promised to do."""
    release = yard.release(yard.resolve(f"{served.name}:{served.version}"))
    digest = release.attributes["data"]
    data = yard.get(digest) if digest else None
    if isinstance(data, Dataset) and data.splits.get(SPLIT):
        _begin_window(yard, release, data, served)
    return promised_by(release)


def _begin_window(yard: Yard, release: Release, data: Dataset, served: Served) -> None:
    rows = _some(data, SPLIT)
    model, roles, processor = served.model, served.task.inputs, served.processor
    transforms = open_transforms(model.transforms)
    pending = pending_transforms(model.transforms, data.transforms)
    ready = apply_transforms(pending, rows)
    if EMBEDDING in served.task.abilities:
        served.window.vectors.begin(rows)
    said = answers_of(yard, release) or {}
    answers = {row: features.of_prediction(_as_answered(item)) for row, item in said.items()}
    learned = apply_transforms(pending, _some(data, LEARNED)) if data.splits.get(LEARNED) else ()
    seen = features.tokens_in(learned, roles, processor)
    found = features.of_rows(ready, roles, processor, seen)
    together = [seen | answers.get(row[ROW_ID], {}) for seen, row in zip(found, rows, strict=True)]

    def look(raw: Sequence[Row]) -> list[dict[str, Value]]:
        return features.of_rows(apply_opened(transforms, raw), roles, processor, seen)

    served.window.begin(Reference.of(together), look)


def _some(data: Dataset, split: str) -> Sequence[Row]:
    rows = data.rows(split)
    if len(rows) <= ROWS:
        return rows
    return [rows[place] for place in np.sort(np.random.default_rng(0).choice(len(rows), ROWS, replace=False))]


def _as_answered(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row of an evaluation as the server would answer it."""
    return {**item, "label": item["predicted"]} if "predicted" in item else item
