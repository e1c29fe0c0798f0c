"""Whether an address is this machine, and whether what is sent to a URL can be read on the way. Asks no network."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit

from modelyard.core.errors import InputError


@lru_cache(1024)
def is_loopback(host: str) -> bool:
    """Whether a host, by name or number, is this machine and nothing else."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_url(url: str, *, plain: bool = False) -> None:
    """See that what is sent there cannot be read on the way.

    Args:
        plain: whether http to another machine is meant.

    Raises:
        InputError: neither https nor a loopback address.
    """
    try:
        parts = urlsplit(url)
        host, named = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError:
        raise InputError(f"{url!r:.100} is no address", expected="https://HOST") from None
    safe = parts.scheme == "https" or (parts.scheme == "http" and (plain or is_loopback(host)))
    if not safe or not host or not named or parts.username is not None:
        raise InputError(f"{parts.scheme}://{host} is not asked", expected="https://HOST, or http:// on this machine")
