"""The model repository of the Open Inference Protocol: what there is, and loading and unloading by hand.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md. Knows no
yard: which models there are was said when the server started.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from modelyard.core.access import Role
from modelyard.serve.access import GuardedRoute, check_scope
from modelyard.serve.exchange import key_of
from modelyard.serve.hosting import Host
from modelyard.serve.json_answer import json_answer

_READY, _LOADING, _UNAVAILABLE = "READY", "LOADING", "UNAVAILABLE"


class RepositoryRoutes:
    """Routes under ``/v2/repository``."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def routes(self) -> list[GuardedRoute]:
        one = "/v2/repository/models/{model}"
        return [
            GuardedRoute("/v2/repository/index", self._index, methods=["POST"], role=Role.VIEWER),
            GuardedRoute(f"{one}/load", self._load, methods=["POST"], role=Role.OPERATOR),
            GuardedRoute(f"{one}/unload", self._unload, methods=["POST"], role=Role.OPERATOR),
        ]

    async def _index(self, request: Request) -> Response:
        """Every model and version that the key is for, and whether it is loaded."""
        may_use, residence = key_of(request).may_use, self._host.residence
        entries: list[dict[str, Any]] = [
            {"name": item.name, "version": item.version, "state": _READY if item.scheduler.alive else _UNAVAILABLE}
            for item in self._host.models()
            if may_use(item.name)
        ]
        for name in filter(may_use, residence.asleep):
            state = {"state": _LOADING} if residence.is_loading(name) else {"state": _UNAVAILABLE, "reason": "unloaded"}
            entries.append({"name": name, **state})
        return json_answer(entries)

    async def _load(self, request: Request) -> Response:
        """Load a model now, and not when it is asked first."""
        name = _name(request)
        await self._host.residence.wake(name, self._host.load_seconds)
        self._host.find(name, visible=key_of(request).may_use)
        return json_answer({})

    async def _unload(self, request: Request) -> Response:
        """Take a model out of memory once its requests are answered; the next one loads it again."""
        await self._host.residence.unload(_name(request))
        return json_answer({})


def _name(request: Request) -> str:
    name: str = request.path_params["model"]
    check_scope(request, name)
    return name
