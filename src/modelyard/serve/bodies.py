"""Reads a request's body within its limits, before anything is made of it.

Knows no protocol: it hands out bytes, or the JSON value in them.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

from starlette.requests import Request

from modelyard.serve import strict_json
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import ClientGoneError, RefusalError

_FORMS = ("multipart/", "application/x-www-form-urlencoded")
_ENCODINGS = ("gzip", "deflate")
_LARGE = 64 * 1024
"""Bodies above this are parsed in a thread, so that other requests do not wait for it."""


async def read_json(request: Request, limits: Limits) -> Any:
    """The body as one strict JSON value."""
    return await parse_json(await read_body(request, limits), limits)


async def parse_json(body: bytes, limits: Limits) -> Any:
    """The JSON value in ``body``; the event loop stays free while a large one is parsed."""
    if len(body) > _LARGE:
        return await asyncio.to_thread(strict_json.parse, body, depth=limits.json_depth)
    return strict_json.parse(body, depth=limits.json_depth)


async def read_body(request: Request, limits: Limits) -> bytes:
    """The body, decompressed; never more than ``limits.body_bytes`` of it are held.

    Raises:
        RefusalError: 400, 408, 413 or 415.
    """
    _check_headers(request, limits)
    try:
        async with asyncio.timeout(limits.body_seconds):
            body = await _receive(request, limits)
    except TimeoutError:
        raise RefusalError(408, f"the body did not arrive within {limits.body_seconds:g} s") from None
    if request.headers.get("content-encoding", "identity") in _ENCODINGS:
        return _decompress(body, limits)
    return body


async def _receive(request: Request, limits: Limits) -> bytes:
    chunks: list[bytes] = []
    left, more = limits.body_bytes, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        chunks.append(message.get("body", b""))
        left -= len(chunks[-1])
        if left < 0:
            raise _too_large(limits)
        more = message.get("more_body", False)
    return b"".join(chunks)


def _check_headers(request: Request, limits: Limits) -> None:
    kind = request.headers.get("content-type", "")
    if kind.lower().startswith(_FORMS):
        raise RefusalError(
            415,
            f"a body of the type {kind[:80]!r}",
            expected="application/json",
            fix="send the header content-type: application/json; curl takes it with -H",
        )
    encoding = request.headers.get("content-encoding", "identity")
    if encoding not in ("identity", *_ENCODINGS):
        raise RefusalError(415, f"the content-encoding {encoding[:80]!r}", expected="gzip, deflate or none")
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > limits.body_bytes:
        raise _too_large(limits)


def _decompress(body: bytes, limits: Limits) -> bytes:
    # 32 + 15: gzip and zlib are told apart by their headers. Never inflates beyond the limit.
    inflater = zlib.decompressobj(wbits=47)
    try:
        plain = inflater.decompress(body, limits.body_bytes + 1)
    except zlib.error:
        raise RefusalError(400, "the body is not compressed as its content-encoding says") from None
    if len(plain) > limits.body_bytes:
        raise _too_large(limits)
    if not inflater.eof:
        raise RefusalError(400, "the compressed body ends too early")
    return plain


def _too_large(limits: Limits) -> RefusalError:
    return RefusalError(
        413,
        "the body is too large",
        expected=f"at most {limits.body_bytes} bytes",
        fix="send fewer rows in one request",
        code="too_large",
    )
