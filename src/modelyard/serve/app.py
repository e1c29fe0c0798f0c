"""The prediction server as an ASGI application: models in, routes out.

Knows no socket, no yard and no recipe; ``server`` binds it to a port.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from modelyard.core.access import Role
from modelyard.serve.access import Guard, GuardedRoute
from modelyard.serve.desk import Desk
from modelyard.serve.drift_routes import drift_routes
from modelyard.serve.exchange import Exchanges
from modelyard.serve.explanation import ExplanationRoutes
from modelyard.serve.hosting import Host, Hosted
from modelyard.serve.inference import InferenceProtocol
from modelyard.serve.keyring import Keyring, no_keys
from modelyard.serve.limits import Limits
from modelyard.serve.metrics import Metrics
from modelyard.serve.openai import OpenAIProtocol
from modelyard.serve.openapi import openapi_route
from modelyard.serve.repository_routes import RepositoryRoutes
from modelyard.serve.residence import Lodger
from modelyard.serve.review_routes import ReviewRoutes
from modelyard.serve.tracing import Tracing

Companion = Callable[[Host, Metrics], Coroutine[Any, Any, None]]
"""Runs beside the server as long as it lives."""


def together(*companions: Companion) -> Companion:
    """Several as one."""

    async def run(host: Host, metrics: Metrics) -> None:
        async with asyncio.TaskGroup() as group:
            for companion in companions:
                group.create_task(companion(host, metrics))

    return run


def create_app(
    models: Sequence[Hosted],
    *,
    limits: Limits | None = None,
    companion: Companion | None = None,
    keyring: Keyring | None = None,
    desk: Desk | None = None,
    tracing: Tracing | None = None,
    lodgers: Sequence[Lodger] = (),
    memory_limit: int | None = None,
) -> ASGIApp:
    """An application that answers with ``models``: their workers live as long as it does.

    Args:
        companion: what changes the models while they answer.
        keyring: who may ask; None for requests of this machine only, without keys.
        desk: takes answers for review; None where nobody reviews.
        tracing: makes spans of requests; this application closes it.
        lodgers: models that are opened and closed as they are asked.
        memory_limit: bytes that the open ones of these may take.

    Raises:
        InputError: two models have the same name and version.
    """
    limits, metrics = limits or Limits(), Metrics()
    host = Host(models, limits, metrics, lodgers=lodgers, memory_limit=memory_limit)
    ring = keyring or Keyring(no_keys, local=True)

    async def show_metrics(request: Request) -> Response:
        """Counts and times for Prometheus."""
        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncIterator[None]:
        await host.start()
        if desk:
            desk.start(metrics)
        beside = [asyncio.create_task(ring.watch())]
        if companion:
            beside.append(asyncio.create_task(companion(host, metrics)))
        yield
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
        await host.close()
        if desk:
            await asyncio.to_thread(desk.close)
        if tracing:
            await asyncio.to_thread(tracing.close)

    routes = [
        *InferenceProtocol(host, limits, metrics, desk).routes(),
        *OpenAIProtocol(host, limits, metrics).routes(),
        *(ReviewRoutes(host, desk, limits).routes() if desk else []),
        *drift_routes(host),
        *ExplanationRoutes(host, limits, metrics).routes(),
        *RepositoryRoutes(host).routes(),
        GuardedRoute("/metrics", show_metrics, methods=["GET"], role=Role.VIEWER, every_model=True),
    ]
    guarded = Guard(ring, limits).protect([*routes, openapi_route(routes)])
    return Exchanges(Router(guarded, redirect_slashes=False, default=_refuse, lifespan=lifespan), metrics, tracing)


async def _refuse(scope: Scope, receive: Receive, send: Send) -> None:
    raise HTTPException(404, "no such route")
