"""Routes that tell how a model does: whether it keeps its requirements, and how far live rows are from its own."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.serve import drift
from modelyard.serve.access import GuardedRoute
from modelyard.serve.addressed import addressed
from modelyard.serve.hosting import Host
from modelyard.serve.json_answer import json_answer


def drift_routes(host: Host) -> list[GuardedRoute]:
    """``GET …/drift`` of a model and of one version of it."""

    async def show(request: Request) -> Response:
        """Each feature of rows and answers beside its reference, and each requirement that traffic can show."""
        served = addressed(request, host, request.path_params["model"], request.path_params.get("version"))
        found = await asyncio.to_thread(served.window.judge)
        body = {
            "model": served.name,
            "version": served.version,
            "rows": len(served.window.rows()),
            "watched": served.window.reference is not None,
            "verdict": drift.overall(found).value,
            "features": [item.to_json() for item in found],
            "promises": [item.to_json() for item in served.standing.findings if not item.feature],
        }
        return json_answer(body)

    places = ("/v2/models/{model}/drift", "/v2/models/{model}/versions/{version}/drift")
    return [GuardedRoute(place, show, methods=["GET"], role=Role.VIEWER) for place in places]
