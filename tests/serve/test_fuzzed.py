"""schemathesis asks every operation of the OpenAPI document for anything: no 5xx, no traceback, and it goes on."""

from __future__ import annotations

from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok

from tests.serve.conftest import infer_body

ASKING = settings(
    max_examples=12, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
"""The examples are for each operation."""


def test_anything_that_the_document_allows_gets_an_answer(client: httpx.Client) -> None:
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert {f"{item.method.upper()} {item.path}" for item in operations} >= {
        "POST /v2/models/{model}/infer",
        "POST /v1/chat/completions",
        "GET /metrics",
    }
    for operation in operations:

        @ASKING
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            answer = case.call(base_url=str(client.base_url))
            case.validate_response(answer, checks=[not_a_server_error])
            assert "Traceback" not in answer.text
            assert "site-packages" not in answer.text

        ask()
    assert client.post("/v2/models/sms/infer", json=infer_body("hello")).status_code == 200
