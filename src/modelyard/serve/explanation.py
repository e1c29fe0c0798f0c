"""Why a model answered one row as it did: a route whose questions are rows like all others.

The sets of parts that LIME, SHAP and occlusion ask about go through the model's own queue, a few at a time and with the
share of a batch, within a budget and until the deadline: an explanation costs hundreds of answers, and nobody else
waits for it. Knows no kind of row.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.core.task import DivisibleTask, Prediction, Units
from modelyard.core.transform import Row
from modelyard.methods.coalitions import Coalitions, Value, answer_of
from modelyard.serve import bodies
from modelyard.serve.access import GuardedRoute
from modelyard.serve.addressed import awake
from modelyard.serve.admission import check_row_texts
from modelyard.serve.callers import CLASSES, caller_of, seconds_given
from modelyard.serve.connection import while_connected
from modelyard.serve.hosting import Host, Served
from modelyard.serve.json_answer import json_answer
from modelyard.serve.judging import Judged
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import ClientGoneError, DeadlineError, OverloadError, RefusalError
from modelyard.serve.tensors import read_document, read_rows
from modelyard.serve.waiting import Caller

METHODS = ("shap", "partition", "lime", "occlusion")
ROWS_AT_ONCE = 64
"""Rows of one explanation that wait together."""
MOST_UNITS = 128
AT_ONCE = 2
"""Explanations that are worked on at once; each has a thread."""


@dataclass(frozen=True)
class Wish:
    """What a request asks for.

    Attributes:
        samples: sets of parts to ask about.
        units: most parts of the row.
        label: the class to explain; None for the one that the model answers.
    """

    method: str = "shap"
    samples: int = 256
    units: int = 32
    label: str | None = None
    seed: int = 0


def read_wish(parameters: Mapping[str, Any], labels: Sequence[str], limits: Limits) -> Wish:
    """The parameters of a request, checked.

    Raises:
        RefusalError: 422.
    """
    known = {"method", "samples", "units", "label", "seed"}
    if unknown := sorted(set(parameters) - known):
        raise RefusalError(
            422, f"unknown parameter {unknown[0]!r:.80}", expected=f"some of: {', '.join(sorted(known))}"
        )
    wish = replace(Wish(), **parameters)
    if wish.method not in METHODS:
        raise RefusalError(422, f"method {wish.method!r:.80}", expected=f"one of: {', '.join(METHODS)}")
    ranges = {"samples": (10, limits.explain_samples), "units": (2, MOST_UNITS), "seed": (0, 2**32 - 1)}
    for name, (low, high) in ranges.items():
        number = getattr(wish, name)
        if type(number) is not int or not low <= number <= high:
            raise RefusalError(422, f"{name} {number!r:.40}", expected=f"a whole number from {low} to {high}")
    if wish.label is not None and wish.label not in labels:
        raise RefusalError(422, f"label {wish.label!r:.80}", expected=f"one of: {', '.join(labels) or 'none'}")
    return wish


class ExplanationRoutes:
    """``POST …/explain`` of a model and of one version of it."""

    def __init__(self, host: Host, limits: Limits, metrics: Metrics) -> None:
        self._host, self._limits, self._metrics = host, limits, metrics
        self._running = 0

    def routes(self) -> list[GuardedRoute]:
        places = ("/v2/models/{model}/explain", "/v2/models/{model}/versions/{version}/explain")
        return [GuardedRoute(place, self._explain, methods=["POST"], role=Role.PREDICT) for place in places]

    async def _explain(self, request: Request) -> Response:
        """What each word, patch or column of one row did to the answer."""
        document = read_document(await bodies.read_json(request, self._limits))
        path = request.path_params
        # It is about an answer that somebody has: no version on trial takes its turn here.
        served = await awake(request, self._host, path["model"], path.get("version"), canaries=False)
        if "units" not in served.task.abilities:
            raise RefusalError(
                422, f"answers of {served.task.name} are not explained", expected="a model that predicts"
            )
        row = self._read_row(document, served)
        wish = read_wish(document.get("parameters") or {}, served.model.labels, self._limits)
        seconds = seconds_given(request, self._limits.explain_seconds)
        caller = caller_of(request)._replace(weight=CLASSES["batch"])
        if self._running >= AT_ONCE:
            raise OverloadError(1)
        self._running += 1
        try:
            body = await while_connected(request, _Explanation(served, self._metrics, wish, caller, seconds).of(row))
        finally:
            self._running -= 1
        return json_answer(body)

    def _read_row(self, document: Mapping[str, Any], served: Served) -> Row:
        rows = read_rows(document.get("inputs"), b"", served.kinds, self._limits)
        if len(rows) != 1:
            raise RefusalError(422, f"{len(rows)} rows", expected="one row to explain")
        check_row_texts(rows, served.kinds, self._limits)
        return rows[0]


class _Explanation:
    """One explanation: a thread that works it out, and the event loop that asks the model for it."""

    def __init__(self, served: Served, metrics: Metrics, wish: Wish, caller: Caller, seconds: float) -> None:
        self._served, self._metrics, self._wish = served, metrics, wish
        self._caller, self._seconds = caller, seconds
        self._loop = asyncio.get_running_loop()
        self._ends = self._loop.time() + seconds
        self._over = threading.Event()

    async def of(self, row: Row) -> dict[str, Any]:
        """The body of the answer.

        Raises:
            RefusalError: a rule blocks or answers the row, or the time is over.
        """
        judged = Judged(self._served, [row], self._metrics)
        await judged.before()
        if not judged.asked:
            fix = "see the rules of the release"
            raise RefusalError(422, "a rule answers this row, not the model", fix=fix, code="answered_by_rule")
        (asked,) = judged.asked
        (prediction,) = predictions = await self._submit([asked])
        judged.after(predictions)
        label = (self._wish.label or str(prediction["label"])) if self._served.model.labels else None
        try:
            return await asyncio.to_thread(self._work, asked, prediction, label)
        finally:
            # The thread cannot be ended from outside: its next question is refused.
            self._over.set()

    def _work(self, row: Row, prediction: Prediction, label: str | None) -> dict[str, Any]:
        task, processor, wish = cast(DivisibleTask, self._served.task), self._served.processor, self._wish
        units = task.units(processor, row, wish.units)
        value = Coalitions(task, processor, row, units, label=label, references=[None], ask=self._ask)
        weights, base = explain(wish, value, units)
        return {
            "model_name": self._served.name,
            "model_version": self._served.version,
            "method": wish.method,
            "label": label,
            "answer": answer_of(prediction, label),
            "base": base,
            "units": _units(units, weights),
            "asked": value.asked,
        }

    def _ask(self, rows: Sequence[Row]) -> list[Prediction]:
        answers: list[Prediction] = []
        for start in range(0, len(rows), ROWS_AT_ONCE):
            if self._over.is_set():
                raise ClientGoneError
            part = self._submit(rows[start : start + ROWS_AT_ONCE])
            answers += asyncio.run_coroutine_threadsafe(part, self._loop).result()
        return answers

    async def _submit(self, rows: Sequence[Row]) -> list[Prediction]:
        left = self._ends - self._loop.time()
        if left <= 0:
            raise DeadlineError(self._seconds)
        return await self._served.scheduler.submit(rows, {}, left, self._caller)


def explain(wish: Wish, value: Value, parts: Units) -> tuple[Sequence[float], float]:
    """Attributions of the parts, and the answer without any.

    Raises:
        InputError: too few samples for so many parts.
    """
    from modelyard.methods import coalitions, kernel_shap, lime, occlusion, owen

    units = len(parts)
    if wish.method == "lime":
        found = lime.explain(value, units, samples=wish.samples, seed=wish.seed)
        return found.weights.tolist(), found.intercept
    if wish.method == "partition":
        weights = owen.explain(value, owen.neighbours(parts), samples=wish.samples)
    elif wish.method == "shap":
        weights = kernel_shap.explain(value, units, samples=wish.samples, seed=wish.seed)
    else:
        weights = occlusion.explain(value, units)
    base, _ = coalitions.ends(value, units)
    return weights.tolist(), base


def _units(units: Units, weights: Sequence[float]) -> list[dict[str, Any]]:
    return [
        {"name": name, "place": list(place), "attribution": weight}
        for name, place, weight in zip(units.names, units.places, weights, strict=True)
    ]
