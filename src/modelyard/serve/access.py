"""Who may ask for what: every route declares the role that it takes, and a request shows a key.

Knows keys and routes, not where keys are kept. Wrong keys are answered alike and ever more slowly; a right one is
never shut out by the wrong ones of a neighbour.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from modelyard.core.access import LOCAL, Key, Role
from modelyard.core.addresses import is_loopback
from modelyard.serve.addresses import host_in, neighbour
from modelyard.serve.exchange import exchange_of, key_of
from modelyard.serve.keyring import Keyring
from modelyard.serve.limits import Limits
from modelyard.serve.question import Question
from modelyard.serve.rates import Rates
from modelyard.serve.refusals import RefusalError

Endpoint = Callable[[Request], Awaitable[Response]]

_HOW = "authorization: Bearer KEY, or x-api-key: KEY"


class GuardedRoute(Route):
    """A route that says who may use it.

    Args:
        role: the least that a key must have; None where nobody is asked for one.
        every_model: it tells of all models, so that the key must be for all of them.
    """

    def __init__(
        self, path: str, endpoint: Endpoint, *, methods: Sequence[str], role: Role | None, every_model: bool = False
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.role, self.every_model = role, every_model

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            response = await endpoint(Question(scope, receive, send))
            await response(scope, receive, send)

        # In place of starlette's, which looks for handlers of exceptions at every request; ours are around the router.
        self.app = answer


class Guard:
    """Lets requests through to the routes that their keys are for."""

    def __init__(self, keyring: Keyring, limits: Limits) -> None:
        self._keyring, self._limits = keyring, limits
        self._failures, self._requests = Rates(), Rates()

    def protect(self, routes: Sequence[Route]) -> list[GuardedRoute]:
        """The same routes, which now ask for a key.

        Raises:
            TypeError: one of them declares no role.
        """
        return [self._protect(route) for route in routes]

    def _protect(self, route: Route) -> GuardedRoute:
        if not isinstance(route, GuardedRoute):
            raise TypeError(f"the route {route.path} declares no role")
        if route.role is None:
            return route
        role, endpoint = route.role, route.endpoint

        @functools.wraps(endpoint)
        async def guarded(request: Request) -> Response:
            self._admit(request, role, every_model=route.every_model)
            answer: Response = await endpoint(request)
            return answer

        methods = sorted(route.methods or ())
        return GuardedRoute(route.path, guarded, methods=methods, role=role, every_model=route.every_model)

    def _admit(self, request: Request, role: Role, *, every_model: bool) -> None:
        key = exchange_of(request).key = self._identify(request)
        if key.rate is not None:
            wait = self._requests.take(key.id, key.rate, self._keyring.now())
            if wait:
                raise _too_many(f"this key may send {key.rate.per_second:g} requests a second", wait)
        if not key.role.includes(role):
            raise _forbidden(f"this key has the role {key.role}", f"the role {role}, or one that includes it")
        if every_model and "*" not in key.models:
            raise _forbidden("this key is for some models only", "a key for all models")

    def _identify(self, request: Request) -> Key:
        if not self._keyring.current:
            raise RefusalError(503, "the keys cannot be read", code="keys_unreadable", headers={"retry-after": "5"})
        if self._keyring.open:
            _check_local(request)
            return LOCAL
        token = _token(request)
        if token is None:
            raise _unauthorized("no key was given")
        key = self._keyring.find(token)
        state = "unknown" if key is None else self._keyring.state(key)
        if key is not None and state == "active":
            return key
        wait = self._failures.take(neighbour(_address(request)), self._limits.wrong_keys, self._keyring.now())
        if wait:
            raise _too_many("too many wrong keys came from this address", wait)
        raise _unauthorized(f"this key is {state}", error="invalid_token")


def check_scope(request: Request, model: str) -> None:
    """Refuse a model that the request's key is not for, whether there is one or not.

    Raises:
        RefusalError: 403.
    """
    key = key_of(request)
    if not key.may_use(model):
        raise _forbidden(f"this key is not for the model {model!r:.140}", f"one of: {', '.join(key.models)}")


def _token(request: Request) -> str | None:
    """The token that a request shows; ``x-api-key`` goes first, as a proxy may need the other header for itself."""
    token = request.headers.get("x-api-key")
    if token is not None:
        return token
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else None


def _check_local(request: Request) -> None:
    """Refuse what a page of another site has a browser of this machine send, by its address or by a name for it.

    Raises:
        RefusalError: 403.
    """
    for header in ("host", "origin"):
        value = request.headers.get(header)
        if value is not None and not _is_local(value):
            raise RefusalError(
                403,
                f"{header}: {value:.100}",
                expected="localhost or a loopback address, as this server asks for no key",
                fix="modelyard keys add, and send its key",
                code="not_local",
            )


@functools.lru_cache(1024)
def _is_local(authority: str) -> bool:
    return is_loopback(host_in(authority))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _unauthorized(what: str, *, error: str = "") -> RefusalError:
    challenge = 'Bearer realm="modelyard"' + (f', error="{error}"' if error else "")
    return RefusalError(
        401,
        what,
        expected=_HOW,
        fix="ask whoever runs the server for a key (modelyard keys add)",
        code="invalid_api_key",
        headers={"www-authenticate": challenge},
    )


def _forbidden(what: str, expected: str) -> RefusalError:
    return RefusalError(
        403,
        what,
        expected=expected,
        fix="ask whoever runs the server for another key",
        code="insufficient_permissions",
    )


def _too_many(what: str, wait: float) -> RefusalError:
    seconds = max(1, math.ceil(wait))
    return RefusalError(
        429, what, fix=f"try again after {seconds} s", code="rate_limited", headers={"retry-after": str(seconds)}
    )
