"""The header ``traceparent``, by which a caller says which trace a request belongs to. Knows no tracer.

W3C Trace Context, https://www.w3.org/TR/trace-context/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True)
class Trace:
    """A trace, and the caller's span of it.

    Attributes:
        sampled: whether the caller notes it.
    """

    id: str
    span: str
    sampled: bool = False


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> Trace | None:
    """What the headers say; None where they say nothing or nothing valid, as the standard has it."""
    found = [value.strip() for name, value in headers if name == b"traceparent"]
    match = _PARENT.fullmatch(found[0]) if len(found) == 1 else None
    if match is None:
        return None
    version, trace, span, flags, rest = match.groups()
    # Later versions may have more fields; the first has none, and 255 is no version.
    if version == b"ff" or (version == b"00" and rest is not None) or not int(trace, 16) or not int(span, 16):
        return None
    return Trace(trace.decode(), span.decode(), sampled=bool(int(flags, 16) & 1))
