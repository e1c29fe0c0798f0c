"""The OpenAPI document, made from the routes: paths, methods and the summaries of their docstrings.

Bodies are described by their protocols' own documents; this one says what is there.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.serve.access import GuardedRoute

_PARAMETER = re.compile(r"\{(\w+)\}")
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "header": {"type": "apiKey", "in": "header", "name": "x-api-key"},
}
_JSON = {"application/json": {"schema": {"type": "object"}}}


def openapi_route(routes: Sequence[GuardedRoute]) -> GuardedRoute:
    """``GET /openapi.json`` for these routes."""
    document = orjson.dumps(describe(routes))

    async def show(request: Request) -> Response:
        """This document."""
        return Response(document, media_type="application/json")

    return GuardedRoute("/openapi.json", show, methods=["GET"], role=Role.VIEWER)


def describe(routes: Sequence[GuardedRoute]) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route, method)
    info = {"title": "modelyard prediction server", "version": version("modelyard")}
    return {"openapi": "3.1.0", "info": info, "paths": paths, "components": {"securitySchemes": _SCHEMES}}


def _operation(route: GuardedRoute, method: str) -> dict[str, Any]:
    names = _PARAMETER.findall(route.path)
    operation: dict[str, Any] = {
        "summary": inspect.getdoc(route.endpoint) or "",
        "parameters": [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names],
        "responses": {
            "200": {"description": "the answer"},
            "default": {"description": "what was wrong, what was expected and how to mend it", "content": _JSON},
        },
    }
    if route.role is not None:
        operation["security"] = [{scheme: [str(route.role)]} for scheme in _SCHEMES]
    if method == "POST":
        operation["requestBody"] = {"content": _JSON}
    return operation
