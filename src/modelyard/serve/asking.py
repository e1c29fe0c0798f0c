"""Asks a server of ours one thing, as the command line does. Knows no model."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from modelyard.core.addresses import check_url, is_loopback
from modelyard.core.errors import InputError

SECONDS = 10.0
MOST_BYTES = 10_000_000


class NoRedirect(HTTPRedirectHandler):
    """A key or an alarm goes where it was sent and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        """None is followed."""


def ask(url: str, *, key: str | None = None) -> dict[str, Any]:
    """What a server answers.

    Raises:
        InputError: it cannot be reached, or refuses; with its own words.
    """
    check_url(url)
    headers = {"authorization": f"Bearer {key}"} if key else {}
    # A proxy of the environment has no business between two processes of a machine.
    opener = build_opener(NoRedirect, *([ProxyHandler({})] if is_loopback(urlsplit(url).hostname or "") else []))
    try:
        with opener.open(Request(url, headers=headers), timeout=SECONDS) as answer:
            found: dict[str, Any] = json.loads(answer.read(MOST_BYTES))
    except HTTPError as error:
        raise InputError(_words(error), where=url) from None
    except (URLError, OSError, ValueError) as error:
        what = getattr(error, "reason", error)
        raise InputError(f"no answer: {what}", expected="a running modelyard serve", where=url) from None
    return found


def _words(error: HTTPError) -> str:
    try:
        return f"{error.code}: {json.loads(error.read(MOST_BYTES))['error']}"
    except (ValueError, KeyError, TypeError, OSError):
        return f"status {error.code}"
