"""The desk: takes answers that a person should see from the server to the yard, and feedback to the rows it is about.

What a person should see is chosen at once, which costs nothing; a thread of its own masks and writes that, and answers
never wait for it. What does not fit into its queue is left out and counted. Knows no route.
"""

from __future__ import annotations

import queue
import random
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from modelyard.core.model import Model
from modelyard.core.predictor import apply_transforms
from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.methods.rules import Decision, Serving
from modelyard.serve.log import model_labels, write_log
from modelyard.serve.metrics import Metrics
from modelyard.serve.refusals import RefusalError
from modelyard.yard.reviews import Decision as Right
from modelyard.yard.reviews import Reviews, Sighting, check_decision

WAITING = 1000
"""Requests whose rows are not written yet."""
REMEMBERED = 10_000
"""Rows that feedback may still be about."""
LARGEST = 64 * 1024
"""Characters of a row that is kept."""

_MASK = "mask"


@dataclass(frozen=True)
class Answered:
    """A request that was answered.

    Attributes:
        asker: id of the key that asked: nobody else gives feedback to it.
        rows: as they were sent; a table's row is its columns.
    """

    model: Model
    serving: Serving
    name: str
    version: str
    request: str
    asker: str
    rows: Sequence[Row]
    decisions: Sequence[Decision]
    answers: Sequence[Prediction]


@dataclass(frozen=True)
class Feedback:
    """What a caller says was right; ``done`` gets the id of the review that comes of it."""

    name: str
    request: str
    asker: str
    row: int
    right: Right
    done: Future[int]


class Desk:
    """Between a server and the reviews of a yard, from :meth:`start` to :meth:`close`.

    Args:
        waiting: requests that may wait for the thread.
        remembered: rows that are kept for feedback.
        seed: of the sample; None for another one each time.
    """

    def __init__(
        self, reviews: Reviews, *, waiting: int = WAITING, remembered: int = REMEMBERED, seed: int | None = None
    ) -> None:
        self.reviews = reviews
        self._queue: queue.Queue[tuple[Answered, Sequence[str]] | Feedback | None] = queue.Queue(waiting)
        self._remembered: OrderedDict[tuple[str, str, str, int], Sighting] = OrderedDict()
        self._most, self._chance = remembered, random.Random(seed)
        self._thread = threading.Thread(target=self._work, name="review desk", daemon=True)
        self._metrics: Metrics | None = None

    def start(self, metrics: Metrics) -> None:
        """Begin to write; what was taken before is written too."""
        self._metrics = metrics
        self._thread.start()

    def close(self) -> None:
        """Write what was taken, and end."""
        self._queue.put(None)
        self._thread.join()

    def take(self, answered: Answered) -> None:
        """Keep the answers of a request, if anything of them may be of use; never waits."""
        if not answered.serving.reviews:
            return
        pairs = zip(answered.decisions, answered.answers, strict=True)
        reasons = [self._reason(answered.serving, *pair) for pair in pairs]
        if not any(reasons) and not answered.serving.feedback:
            return
        try:
            self._queue.put_nowait((answered, reasons))
        except queue.Full:
            self._count_dropped(answered.name, "queue full", len(answered.rows))

    def give(self, name: str, request: str, asker: str, row: int, right: Right) -> Future[int]:
        """Feedback to a row that was answered; the id of the review that comes of it.

        Raises:
            RefusalError: 503 where too much waits. The future holds 404 where no such row is remembered (any more),
                and an InputError where the model could not have said that.
        """
        feedback = Feedback(name, request, asker, row, right, Future())
        try:
            self._queue.put_nowait(feedback)
        except queue.Full:
            raise RefusalError(503, "too much feedback is waiting", fix="try again later", code="overloaded") from None
        return feedback.done

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, Feedback):
                self._answer(item)
                continue
            answered, reasons = item
            try:
                self._look(answered, reasons)
            except Exception as error:
                # Whatever it is, the thread goes on; the message may quote a row, its kind does not.
                self._count_dropped(answered.name, "not written", len(answered.rows))
                fields = {"error.type": type(error).__name__, **model_labels(answered.name, answered.version)}
                write_log("review", fields, level="error", message="answers were not kept for review")

    def _reason(self, serving: Serving, decision: Decision, answer: Prediction) -> str:
        """Why a person should see an answer; empty where nobody need."""
        reasons = [f"rule {name}" for name in decision.reviews]
        if serving.review and (reason := serving.review.reason(answer, self._chance)):
            reasons.append(reason)
        return ", ".join(reasons)

    def _look(self, item: Answered, reasons: Sequence[str]) -> None:
        chosen: list[Sighting] = []
        for number, (row, reason, answer) in enumerate(zip(item.rows, reasons, item.answers, strict=True)):
            if not reason and not item.serving.feedback:
                continue
            inputs = _masked(item.model, row)
            if _size(inputs) > LARGEST:
                self._count_dropped(item.name, "too large", 1)
                continue
            seen = Sighting(item.name, int(item.version), item.request, number, reason, inputs, dict(answer))
            if reason:
                chosen.append(seen)
            if item.serving.feedback:
                self._remember(item.asker, seen)
        if chosen:
            self._keep(chosen)

    def _remember(self, asker: str, seen: Sighting) -> None:
        self._remembered[seen.name, asker, seen.request, seen.row] = seen
        while len(self._remembered) > self._most:
            self._remembered.popitem(last=False)

    def _answer(self, feedback: Feedback) -> None:
        if not feedback.done.set_running_or_notify_cancel():
            return
        try:
            feedback.done.set_result(self._record(feedback))
        except Exception as error:
            feedback.done.set_exception(error)

    def _record(self, feedback: Feedback) -> int:
        key = (feedback.name, feedback.asker, feedback.request, feedback.row)
        seen = self._remembered.get(key)
        if seen is None:
            raise RefusalError(
                404,
                f"no answer to row {feedback.row} of that request is remembered",
                expected="the x-request-id of an answer to the same key, not too long ago and not judged yet",
                code="request_not_found",
            )
        check_decision(feedback.right, seen.answer)
        (number,) = self._keep([replace(seen, reason="feedback", proposed=feedback.right)])
        del self._remembered[key]
        return number

    def _keep(self, chosen: Sequence[Sighting]) -> list[int]:
        ids, dropped = self.reviews.add(chosen)
        if self._metrics:
            for seen in chosen:
                self._metrics.reviews.labels(seen.name, seen.reason.partition(" ")[0].strip(",")).inc()
        if dropped:
            self._count_dropped(chosen[0].name, "oldest", dropped)
        return ids

    def _count_dropped(self, name: str, why: str, rows: int) -> None:
        if self._metrics:
            self._metrics.reviews_dropped.labels(name, why).inc(rows)


def _masked(model: Model, row: Row) -> Mapping[str, Any]:
    """The row as it may be kept: what the model masks is masked."""
    specs = [spec for spec in model.transforms if spec.name == _MASK]
    (masked,) = apply_transforms(specs, [row])
    return dict(masked)


def _size(inputs: Mapping[str, Any]) -> int:
    return sum(len(value) for value in inputs.values() if isinstance(value, str))
