"""The model that a request is about: one that its key may use, and that stays until the request is over."""

from __future__ import annotations

from starlette.requests import Request

from modelyard.serve.access import check_scope
from modelyard.serve.canary import wish_of
from modelyard.serve.connection import while_connected
from modelyard.serve.exchange import exchange_of, key_of
from modelyard.serve.hosting import Host, Served


def addressed(request: Request, host: Host, name: str, version: str | None = None, *, canaries: bool = False) -> Served:
    """The model of that name, in its default version unless one is named.

    Args:
        canaries: whether a version on trial takes its share of such requests.

    Raises:
        RefusalError: 403 for a key that is not for it, 404 where there is none, 503 while it is being opened, 422 for
            another wish about canaries than there is.
    """
    check_scope(request, name)
    wish = wish_of(request) if canaries else "never"
    served = host.choose(name, version, wish, visible=key_of(request).may_use)
    exchange_of(request).hold(served)
    return served


async def awake(
    request: Request, host: Host, name: str, version: str | None = None, *, canaries: bool = True
) -> Served:
    """As :func:`addressed`, but a model that is not loaded is loaded first.

    Raises:
        RefusalError: also 503, where that fails or takes too long.
    """
    check_scope(request, name)
    if host.residence.sleeps(name):
        await while_connected(request, host.residence.wake(name, host.load_seconds))
    return addressed(request, host, name, version, canaries=canaries)
