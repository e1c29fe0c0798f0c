"""Sends messages to an address, in their order and again until they arrive.

A thread of its own: who has something to say never waits. Bounded: of too many messages the oldest is left out. Knows
nothing of what they say.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from modelyard.core.addresses import check_url, is_loopback
from modelyard.core.errors import InputError
from modelyard.serve.asking import NoRedirect
from modelyard.serve.log import write_log

SIGNATURE = "x-modelyard-signature"
WAITING = 100
TRIES = 8
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
SECONDS = 10.0
"""That one try may take."""
SHORTEST_SECRET = 16
_AGAIN = frozenset({408, 425, 429})
"""Statuses below 500 that may pass."""

Outcome = Literal["sent", "failed", "dropped"]


class Webhook:
    """Between a server and one address, until :meth:`close`.

    Args:
        url: https, or http to this machine.
        secret: signs what is sent; None for no signature.
        plain: whether http to another machine is meant.
        count: told what became of each message.
        first_pause: seconds before a second try; each further one waits twice as long.

    Raises:
        InputError: what is sent there could be read on the way.
    """

    def __init__(
        self,
        url: str,
        *,
        secret: bytes | None = None,
        plain: bool = False,
        count: Callable[[Outcome], None] = lambda outcome: None,
        first_pause: float = FIRST_PAUSE,
    ) -> None:
        check_url(url, plain=plain)
        self._url, self._secret, self._count, self._first_pause = url, secret, count, first_pause
        # A proxy of the environment has no business between two processes of a machine.
        local = is_loopback(urlsplit(url).hostname or "")
        self._opener = build_opener(NoRedirect, *([ProxyHandler({})] if local else []))
        self._waiting: deque[bytes] = deque()
        self._changed, self._closing = threading.Condition(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="webhook", daemon=True)
        self._thread.start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Have it sent; never waits."""
        with self._changed:
            if len(self._waiting) >= WAITING:
                self._waiting.popleft()
                self._count("dropped")
            self._waiting.append(json.dumps(message).encode())
            self._changed.notify()

    def close(self) -> None:
        """Try once more what waits, and end."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(2 * SECONDS)

    def _work(self) -> None:
        while (body := self._next()) is not None:
            self._count("sent" if self._deliver(body) else "failed")

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._waiting and not self._closing.is_set():
                self._changed.wait()
            return self._waiting.popleft() if self._waiting else None

    def _deliver(self, body: bytes) -> bool:
        """Whether it arrived in the end."""
        pause, problem = self._first_pause, ""
        for _ in range(TRIES):
            try:
                self._post(body)
                return True
            except HTTPError as error:
                problem, final = f"status {error.code}", error.code < 500 and error.code not in _AGAIN
                error.close()
            except (URLError, OSError, ValueError) as error:
                problem, final = type(getattr(error, "reason", error)).__name__, False
            if final or self._closing.wait(pause):
                break
            pause = min(2 * pause, LONGEST_PAUSE)
        # The address may hold a secret: its host is enough to find it.
        fields = {"error.message": problem, "url.domain": urlsplit(self._url).hostname}
        write_log("webhook", fields, level="error", message="a message was not delivered")
        return False

    def _post(self, body: bytes) -> None:
        headers = {"content-type": "application/json", "user-agent": "modelyard"}
        if self._secret is not None:
            headers[SIGNATURE] = sign(self._secret, body, int(time.time()))
        with self._opener.open(Request(self._url, body, headers), timeout=SECONDS):
            return


def sign(secret: bytes, body: bytes, now: int) -> str:
    """The header's value: the time, and HMAC-SHA256 over the time, a full stop and the body, in hex.

    Who receives it recomputes it, and refuses what is some minutes old: it may have been sent once before.

    Args:
        now: seconds since the epoch.
    """
    return f"t={now},v1={hmac.new(secret, b'%d.%s' % (now, body), hashlib.sha256).hexdigest()}"


def read_secret(file: Path) -> bytes:
    """The secret in a file, without white space around it.

    Raises:
        InputError: it cannot be read, or is short enough to be guessed.
    """
    try:
        secret = file.read_bytes().strip()
    except OSError as error:
        raise InputError(f"the secret cannot be read: {error.strerror}", where=str(file)) from None
    if len(secret) < SHORTEST_SECRET:
        raise InputError(
            f"a secret of {len(secret)} bytes",
            expected=f"at least {SHORTEST_SECRET}",
            fix="openssl rand -hex 32 > FILE",
            where=str(file),
        )
    return secret
