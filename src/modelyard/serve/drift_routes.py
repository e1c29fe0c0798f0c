"""Routes that tell how far the live rows of a model are from those that it was proven on."""

from __future__ import annotations

import asyncio

import orjson
from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.serve import drift
from modelyard.serve.access import GuardedRoute
from modelyard.serve.addressed import addressed
from modelyard.serve.hosting import Host


def drift_routes(host: Host) -> list[GuardedRoute]:
    """``GET …/drift`` of a model and of one version of it."""

    async def show(request: Request) -> Response:
        """Each feature of rows and answers beside its reference."""
        served = addressed(request, host, request.path_params["model"], request.path_params.get("version"))
        reference, rows = served.window.reference, served.window.rows()
        found = await asyncio.to_thread(drift.judge, reference, rows) if reference else []
        body = {
            "model": served.name,
            "version": served.version,
            "rows": len(rows),
            "watched": reference is not None,
            "verdict": drift.overall(found).value,
            "features": [item.to_json() for item in found],
        }
        return Response(orjson.dumps(body), media_type="application/json")

    places = ("/v2/models/{model}/drift", "/v2/models/{model}/versions/{version}/drift")
    return [GuardedRoute(place, show, methods=["GET"], role=Role.VIEWER) for place in places]
