"""A value as the body of an answer. Knows no protocol."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


def json_answer(value: Any, status: int = 200) -> Response:
    """The answer that holds this value as JSON."""
    return Response(orjson.dumps(value), status, media_type="application/json")
