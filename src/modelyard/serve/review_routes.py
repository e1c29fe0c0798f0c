"""Routes for reviewers, and for callers who say what would have been right.

Each declares its role. Knows the desk, not how it writes.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.serve import bodies
from modelyard.serve.access import GuardedRoute, check_scope
from modelyard.serve.desk import Desk
from modelyard.serve.exchange import key_of
from modelyard.serve.hosting import Host
from modelyard.serve.json_answer import json_answer
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import RefusalError
from modelyard.yard.reviews import ConflictError, Review

_MOST = 1000
_PAGE = 100


class ReviewRoutes:
    """Routes under ``/v2/reviews``, and ``feedback`` of each model."""

    def __init__(self, host: Host, desk: Desk, limits: Limits) -> None:
        self._host, self._desk, self._limits = host, desk, limits

    def routes(self) -> list[GuardedRoute]:
        one = "/v2/reviews/{review}"
        return [
            GuardedRoute("/v2/models/{model}/feedback", self._feedback, methods=["POST"], role=Role.PREDICT),
            GuardedRoute("/v2/reviews", self._list, methods=["GET"], role=Role.REVIEWER),
            GuardedRoute(one, self._show, methods=["GET"], role=Role.REVIEWER),
            GuardedRoute(f"{one}/claim", self._claim, methods=["POST"], role=Role.REVIEWER),
            GuardedRoute(f"{one}/decide", self._decide, methods=["POST"], role=Role.REVIEWER),
        ]

    async def _feedback(self, request: Request) -> Response:
        """What would have been the right answer to a row of an earlier request."""
        name = request.path_params["model"]
        check_scope(request, name)
        served = self._host.find(name, visible=key_of(request).may_use)
        if not served.hosted.serving.feedback:
            raise RefusalError(404, f"{name} takes no feedback", fix="serve: {feedback: true} in its recipe")
        body = await self._body(request, {"request_id", "row", "label", "value"})
        asked, row = body.get("request_id"), body.get("row", 0)
        if not isinstance(asked, str) or type(row) is not int or row < 0:
            raise RefusalError(422, "which answer?", expected="request_id: the x-request-id of an answer, and row: 0")
        done = self._desk.give(name, asked, key_of(request).id, row, _right(body))
        return json_answer({"review": await asyncio.wrap_future(done)})

    async def _list(self, request: Request) -> Response:
        """Reviews of the models that the key is for, oldest first; model, state, after and limit choose."""
        given = request.query_params
        unknown = sorted(set(given) - {"model", "state", "after", "limit"})
        if unknown:
            raise RefusalError(422, f"parameter {unknown[0]!r:.40}", expected="model, state, after or limit")
        model, limit = given.get("model"), min(_MOST, _number(given.get("limit"), _PAGE, "limit"))
        if model is not None:
            check_scope(request, model)
        found = await asyncio.to_thread(
            self._desk.reviews.find,
            name=model,
            state=given.get("state"),
            after=_number(given.get("after"), 0, "after"),
            limit=limit,
        )
        shown = [item.to_json() for item in found if key_of(request).may_use(item.seen.name)]
        # Where the page was full there may be more, also where none of it was for this key.
        return json_answer({"reviews": shown, "after": found[-1].id if len(found) == limit and found else None})

    async def _show(self, request: Request) -> Response:
        """One review: the row, the answer, and what became of it."""
        return json_answer((await self._get(request)).to_json())

    async def _claim(self, request: Request) -> Response:
        """Have a review to oneself for ten minutes, so that nobody else works on it."""
        review = await self._get(request)
        try:
            claimed = await asyncio.to_thread(self._desk.reviews.claim, review.id, _who(request))
        except ConflictError as error:
            raise _conflict(error) from None
        return json_answer(claimed.to_json())

    async def _decide(self, request: Request) -> Response:
        """Say what is right, for good: label or value, and a comment."""
        body = await self._body(request, {"label", "value", "comment"})
        comment = body.get("comment", "")
        if not isinstance(comment, str):
            raise RefusalError(422, "'comment' is not a string")
        review, right, who = await self._get(request), _right(body), _who(request)
        try:
            decided = await asyncio.to_thread(
                self._desk.reviews.decide, review.id, right, who, comment=comment, actor=who
            )
        except ConflictError as error:
            raise _conflict(error) from None
        return json_answer(decided.to_json())

    async def _get(self, request: Request) -> Review:
        found = await asyncio.to_thread(
            self._desk.reviews.look_up, _number(request.path_params["review"], 0, "the id of a review")
        )
        # One of another model is answered as one that is not there: ids tell nothing.
        if found is None or not key_of(request).may_use(found.seen.name):
            raise RefusalError(404, "no such review", fix="GET /v2/reviews", code="review_not_found")
        return found

    async def _body(self, request: Request, known: set[str]) -> dict[str, Any]:
        body = await bodies.read_json(request, self._limits)
        if not isinstance(body, dict):
            raise RefusalError(
                422, "the request is not an object", expected=f"an object with {', '.join(sorted(known))}"
            )
        unknown = sorted(set(body) - known)
        if unknown:
            raise RefusalError(422, f"unknown field {unknown[0]!r:.40}", expected=f"one of: {', '.join(sorted(known))}")
        return body


def _right(body: dict[str, Any]) -> str | float:
    """The one of ``label`` and ``value`` that is given."""
    label, value = body.get("label"), body.get("value")
    if value is None and isinstance(label, str):
        return label
    if label is None and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise RefusalError(422, "what is right?", expected="label: a class name, or value: a number")


def _who(request: Request) -> str:
    return f"key {key_of(request).id}"


def _number(text: str | None, default: int, what: str) -> int:
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise RefusalError(422, f"{what}: {text!r:.40}", expected="a whole number")
    return int(text)


def _conflict(error: ConflictError) -> RefusalError:
    return RefusalError(409, error.what, error.expected, error.fix, code="conflict")
