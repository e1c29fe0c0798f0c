"""What an address says: whether it is one, whose host it names, and who counts as one neighbour."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from urllib.parse import urlsplit


def is_address(host: str) -> bool:
    """Whether it is a number, or this machine by name."""
    try:
        return host == "localhost" or bool(ipaddress.ip_address(host))
    except ValueError:
        return False


@lru_cache(1024)
def host_in(authority: str) -> str:
    """The host of ``host:port`` or of a URL; empty where there is none."""
    try:
        return urlsplit(authority if "//" in authority else f"//{authority}").hostname or ""
    except ValueError:
        return ""


def neighbour(address: str) -> str:
    """The address, or the network of an IPv6 address: one client has 2⁶⁴ of those."""
    try:
        number = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if number.version == 4 else str(ipaddress.ip_network((number, 64), strict=False))
