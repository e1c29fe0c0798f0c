"""A request as endpoints see it: starlette's, with headers that are looked up at once."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

HEADERS = "modelyard.headers"


def index_headers(scope: Scope) -> Mapping[bytes, bytes]:
    """Name in lower case → value, the first where there are several; kept with the request."""
    found: dict[bytes, bytes] = dict(reversed(scope["headers"]))
    scope[HEADERS] = found
    return found


class QuickHeaders(Headers):
    """Starlette's headers, which otherwise look through the whole list for each name."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        first: Mapping[bytes, bytes] = scope.get(HEADERS) or index_headers(scope)
        self._first = {name.decode("latin-1"): value.decode("latin-1") for name, value in first.items()}

    def __getitem__(self, key: str) -> str:
        return self._first[key.lower()]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key.lower() in self._first

    def get(self, key: str, default: str | None = None) -> str | None:  # type: ignore[override]
        return self._first.get(key.lower(), default)


class Question(Request):
    """A request."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        super().__init__(scope, receive, send)
        self._indexed = QuickHeaders(scope)

    @property
    def headers(self) -> Headers:
        return self._indexed
