"""Strict JSON: a body is one value that every parser reads the same way, or it is refused.

RFC 8259 without its liberties: no NaN or Infinity, no number that overflows, no repeated key, no
lone surrogate, UTF-8 only, and no deeper than allowed, which is counted before parsing.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import numpy as np

from modelyard.serve.refusals import RefusalError

_LONGEST_NUMBER = 400
"""Digits; more than any float64 needs, few enough that converting them costs nothing."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_STEPS = np.zeros(256, dtype=np.int8)
_STEPS[list(b"[{")], _STEPS[list(b"]}")] = 1, -1


def parse(body: bytes, *, depth: int) -> Any:
    """The value in ``body``.

    Args:
        depth: most arrays and objects around any value.

    Raises:
        RefusalError: 400, with what is not JSON about it.
    """
    _check_depth(body, depth)
    try:
        text = body.decode("utf-8")
        value = _DECODER.decode(text)
        if _SURROGATE.search(body):
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        raise _refuse(f"byte {error.start} of the body is not valid UTF-8") from None
    except UnicodeEncodeError:
        raise _refuse("a \\u escape is half of a surrogate pair") from None
    except json.JSONDecodeError as error:
        raise _refuse(f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except RecursionError:
        raise _refuse("the body is nested too deeply") from None
    return value


def _check_depth(body: bytes, most: int) -> None:
    # A body with few brackets cannot be deep: the usual case costs two counts.
    if body.count(b"[") + body.count(b"{") <= most:
        return
    brackets = np.frombuffer(_STRING.sub(b"", body), dtype=np.uint8)
    if int(np.cumsum(_STEPS[brackets], dtype=np.int32).max(initial=0)) > most:
        raise _refuse(f"the body is nested more than {most} deep")


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise _refuse(f"the key {key[:80]!r} appears twice in one object")
            seen.add(key)
    return value


def _read_integer(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:
        raise _refuse(f"an integer of {len(digits)} digits")
    return int(digits)


def _read_float(digits: str) -> float:
    value = float(digits) if len(digits) <= _LONGEST_NUMBER else math.inf
    if not math.isfinite(value):
        raise _refuse(f"the number {digits[:40]} is too large")
    return value


def _read_constant(name: str) -> NoReturn:
    raise _refuse(f"{name} is not JSON")


def _refuse(what: str) -> RefusalError:
    return RefusalError(400, what, expected="one JSON value (RFC 8259) in UTF-8", code="invalid_json")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_read_object, parse_int=_read_integer, parse_float=_read_float, parse_constant=_read_constant
)
