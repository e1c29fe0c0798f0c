"""Who may ask for what: every route with every role and every state of a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AuthenticationError, OpenAI, PermissionDeniedError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from modelyard.core.access import LOCAL, Key, Rate, Role, hash_token, new_token
from modelyard.core.addresses import is_loopback
from modelyard.core.errors import ModelyardError
from modelyard.serve.access import Guard, GuardedRoute
from modelyard.serve.addresses import host_in, neighbour
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.keyring import PATIENCE, Keyring, no_keys
from modelyard.serve.limits import Limits
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve, infer_body, until
from tests.serve.test_exchange import read_log

NOW = datetime(2030, 1, 1, tzinfo=UTC)
INFER = "/v2/models/sms/infer"

OPEN = None
ROUTES: dict[tuple[str, str], tuple[Role | None, int]] = {
    ("GET", "/v2"): (Role.VIEWER, 200),
    ("GET", "/v2/health/live"): (OPEN, 200),
    ("GET", "/v2/health/ready"): (OPEN, 200),
    ("POST", "/v2/repository/index"): (Role.VIEWER, 200),
    ("POST", "/v2/repository/models/{model}/load"): (Role.OPERATOR, 200),
    ("POST", "/v2/repository/models/{model}/unload"): (Role.OPERATOR, 409),
    ("GET", "/v2/models/{model}"): (Role.VIEWER, 200),
    ("GET", "/v2/models/{model}/ready"): (Role.VIEWER, 200),
    ("POST", "/v2/models/{model}/infer"): (Role.PREDICT, 200),
    ("GET", "/v2/models/{model}/versions/{version}"): (Role.VIEWER, 200),
    ("GET", "/v2/models/{model}/versions/{version}/ready"): (Role.VIEWER, 200),
    ("POST", "/v2/models/{model}/versions/{version}/infer"): (Role.PREDICT, 200),
    ("GET", "/v2/models/{model}/drift"): (Role.VIEWER, 200),
    ("GET", "/v2/models/{model}/versions/{version}/drift"): (Role.VIEWER, 200),
    ("POST", "/v2/models/{model}/explain"): (Role.PREDICT, 200),
    ("POST", "/v2/models/{model}/versions/{version}/explain"): (Role.PREDICT, 200),
    ("GET", "/v1/models"): (Role.VIEWER, 200),
    ("GET", "/v1/models/{model}"): (Role.VIEWER, 200),
    # The model classifies: whoever is let in is told so.
    ("POST", "/v1/completions"): (Role.PREDICT, 400),
    ("POST", "/v1/chat/completions"): (Role.PREDICT, 400),
    ("POST", "/v1/embeddings"): (Role.PREDICT, 200),
    ("GET", "/metrics"): (Role.VIEWER, 200),
    ("GET", "/openapi.json"): (Role.VIEWER, 200),
}
"""Route → the least role, and the status of a good request with it."""


def make_key(role: Role = Role.PREDICT, **changes: Any) -> tuple[Key, str]:
    number, token = new_token()
    return replace(LOCAL, id=number, label="test", role=role, hash=hash_token(token), **changes), token


class Clock:
    """A time that only the test moves."""

    def __init__(self) -> None:
        self.time = NOW.timestamp()

    def __call__(self) -> float:
        return self.time


@pytest.fixture(scope="module")
def tokens() -> dict[str, tuple[Key, str]]:
    """A key for each role and each state."""
    return {
        **{str(role): make_key(role) for role in Role},
        "revoked": make_key(Role.ADMIN, revoked=NOW - timedelta(days=1)),
        "expired": make_key(Role.ADMIN, expires=NOW),
        "other": make_key(Role.ADMIN, models=("other-*", "sm")),
        "here": make_key(Role.PREDICT, models=("s*s",)),
        "slow": make_key(Role.VIEWER, rate=Rate(0.5, 2)),
    }


@pytest.fixture(scope="module")
def secured(serve: Serve, opened: ForkServer, tokens: dict[str, tuple[Key, str]]) -> Iterator[httpx.Client]:
    keyring = Keyring(lambda: [key for key, _ in tokens.values()], local=True, clock=Clock())
    limits = Limits(wrong_keys=Rate(1.0, 1000))
    with serve(Hosted("sms", "1", opened), limits=limits, keyring=keyring) as client:
        yield client


def ask(client: httpx.Client, method: str, path: str, token: str | None = None, **headers: str) -> httpx.Response:
    path = path.format(model="sms", version="1")
    body = {
        "infer": infer_body("hello"),
        "explain": infer_body("hello"),
        "/v1/completions": {"model": "sms", "prompt": "hello"},
        "/v1/chat/completions": {"model": "sms", "messages": [{"role": "user", "content": "hello"}]},
        "/v1/embeddings": {"model": "sms", "input": "hello"},
    }.get(path if path.startswith("/v1") else path.rpartition("/")[2])
    if token is not None:
        headers["authorization"] = f"Bearer {token}"
    return client.request(method, path, json=body, headers=headers)


def error_of(answer: httpx.Response) -> str:
    """The words of an error in the form of the protocol that was asked."""
    error = answer.json()["error"]
    return str(error["message"] if answer.request.url.path.startswith("/v1/") else error)


def test_the_table_of_this_test_is_that_of_the_server(
    secured: httpx.Client, tokens: dict[str, tuple[Key, str]]
) -> None:
    document = ask(secured, "GET", "/openapi.json", tokens["viewer"][1]).json()
    declared = {
        (method.upper(), path): operation.get("security")
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    # The document describes all routes but its own.
    declared["GET", "/openapi.json"] = [{"bearer": ["viewer"]}, {"header": ["viewer"]}]
    expected = {
        route: role and [{"bearer": [str(role)]}, {"header": [str(role)]}] for route, (role, _) in ROUTES.items()
    }
    assert declared == expected


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_every_route_with_every_role(
    secured: httpx.Client, tokens: dict[str, tuple[Key, str]], route: tuple[str, str]
) -> None:
    needed, good = ROUTES[route]
    for role in Role:
        answer = ask(secured, *route, tokens[str(role)][1])
        if needed is None or role.includes(needed):
            assert answer.status_code == good, answer.text
        else:
            assert answer.status_code == 403
            assert f"this key has the role {role}" in error_of(answer)
            assert f"the role {needed}, or one that includes it" in error_of(answer)


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_every_route_with_every_bad_key(
    secured: httpx.Client, tokens: dict[str, tuple[Key, str]], route: tuple[str, str]
) -> None:
    needed, good = ROUTES[route]
    good_token = tokens["admin"][1]
    bad = {
        None: "no key was given",
        "none": "this key is unknown",
        new_token()[1]: "this key is unknown",
        good_token[:-1] + ("0" if good_token[-1] != "0" else "1"): "this key is unknown",
        tokens["revoked"][1]: "this key is revoked",
        tokens["expired"][1]: "this key is expired",
    }
    for token, words in bad.items():
        answer = ask(secured, *route, token)
        if needed is None:
            assert answer.status_code == good
            continue
        assert answer.status_code == 401
        assert words in error_of(answer)
        assert "authorization: Bearer KEY" in error_of(answer)
        assert answer.headers["www-authenticate"].startswith('Bearer realm="modelyard"')
        assert token is None or len(token) < 20 or token not in answer.text


@pytest.mark.parametrize("route", ROUTES, ids=" ".join)
def test_a_key_is_for_some_models(
    secured: httpx.Client, tokens: dict[str, tuple[Key, str]], route: tuple[str, str]
) -> None:
    role, good = ROUTES[route]
    other = ask(secured, *route, tokens["other"][1])
    here = ask(secured, *route, tokens["here"][1])
    if route[1] == "/metrics":
        assert (other.status_code, here.status_code) == (403, 403)
        assert "a key for all models" in error_of(other)
    elif role is Role.OPERATOR:
        assert (other.status_code, here.status_code) == (403, 403)
    elif "{model}" in route[1] or route[1].endswith(("completions", "embeddings")):
        assert (other.status_code, here.status_code) == (403, good)
        assert "this key is not for the model 'sms'" in error_of(other)
    else:
        assert (other.status_code, here.status_code) == (good, good)


def test_names_of_other_models_are_not_told(secured: httpx.Client, tokens: dict[str, tuple[Key, str]]) -> None:
    other = tokens["other"][1]
    assert ask(secured, "GET", "/v1/models", other).json()["data"] == []
    assert ask(secured, "POST", "/v2/repository/index", other).json() == []
    missing = ask(secured, "GET", "/v2/models/other-1", other)
    assert missing.status_code == 404
    assert "sms" not in missing.text
    # Whether there is a model that the key is not for cannot be told.
    there, nowhere = (error_of(ask(secured, "GET", f"/v2/models/{name}", other)) for name in ("sms", "smt"))
    assert there.replace("sms", "smt") == nowhere
    assert len(ask(secured, "GET", "/v1/models", tokens["here"][1]).json()["data"]) == 2


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {}"])
def test_the_ways_to_send_a_key(secured: httpx.Client, tokens: dict[str, tuple[Key, str]], form: str) -> None:
    token = tokens["predict"][1]
    assert ask(secured, "POST", INFER, authorization=form.format(token)).status_code == 200
    both = {"x-api-key": token, "authorization": "Basic eDp4"}
    assert ask(secured, "POST", INFER, **both).status_code == 200
    for scheme in ("Basic", "Token"):
        assert ask(secured, "POST", INFER, authorization=f"{scheme} {token}").status_code == 401
    assert secured.post(f"{INFER}?api_key={token}", json=infer_body("hello")).status_code == 401


def test_a_key_has_its_own_rate(secured: httpx.Client, tokens: dict[str, tuple[Key, str]]) -> None:
    answers = [ask(secured, "GET", "/v2", tokens["slow"][1]) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "2"
    assert "0.5 requests a second" in error_of(answers[2])
    assert ask(secured, "GET", "/v2", tokens["viewer"][1]).status_code == 200


def test_wrong_keys_of_an_address_are_answered_ever_more_slowly(serve: Serve, opened: ForkServer) -> None:
    key, token = make_key()
    keyring = Keyring(lambda: [key], local=True, clock=Clock())
    with serve(Hosted("sms", "1", opened), limits=Limits(wrong_keys=Rate(0.25, 3)), keyring=keyring) as client:
        answers = [ask(client, "GET", "/v2", "wrong") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
        assert answers[4].headers["retry-after"] == "4"
        assert ask(client, "GET", "/v2").status_code == 401
        assert ask(client, "GET", "/v2", token).status_code == 200


def test_openai_clients_see_their_own_errors(secured: httpx.Client, tokens: dict[str, tuple[Key, str]]) -> None:
    with OpenAI(base_url=f"{secured.base_url}/v1", api_key="wrong", max_retries=0) as client:
        with pytest.raises(AuthenticationError) as wrong:
            client.models.list()
        assert wrong.value.code == "invalid_api_key"
        client.api_key = tokens["viewer"][1]
        assert [model.id for model in client.models.list()] == ["sms", "sms:1"]
        with pytest.raises(PermissionDeniedError) as weak:
            client.completions.create(model="sms", prompt="x")
        assert weak.value.code == "insufficient_permissions"


def test_the_log_names_the_key_and_never_shows_it(
    secured: httpx.Client, tokens: dict[str, tuple[Key, str]], capfd: pytest.CaptureFixture[str]
) -> None:
    key, token = tokens["predict"]
    ask(secured, "POST", INFER, token, **{"x-request-id": "with-key"})
    assert json.loads(read_log(capfd, "with-key"))["labels.key"] == key.id
    secured.get(f"/v2/models/{token}", headers={"x-request-id": "in-path", "x-api-key": token})
    line = read_log(capfd, "in-path")
    assert token[-64:] not in line
    assert json.loads(line)["url.path"] == f"/v2/models/my_{key.id}_…"
    ask(secured, "POST", INFER, "wrong-secret", **{"x-request-id": "wrong"})
    line = read_log(capfd, "wrong")
    assert "wrong-secret" not in line
    assert "labels.key" not in json.loads(line)


def test_keys_count_at_once_in_a_running_server(serve: Serve, opened: ForkServer, tmp_path: Path) -> None:
    yard = Yard(tmp_path)
    with serve(Hosted("sms", "1", opened), keyring=Keyring(yard.list_keys, local=True)) as client:
        assert ask(client, "POST", INFER).status_code == 200
        key, token = yard.add_key("first", Role.PREDICT)
        until(lambda: ask(client, "POST", INFER).status_code == 401)
        assert ask(client, "POST", INFER, token).status_code == 200
        yard.revoke_key(key.id)
        until(lambda: ask(client, "POST", INFER, token).status_code == 401)
        # Without an active key it is shut, not open.
        assert "revoked" in error_of(ask(client, "POST", INFER, token))
        assert ask(client, "POST", INFER).status_code == 401


@pytest.mark.parametrize("error", [ModelyardError("the disk is broken"), ValueError("odd")])
def test_keys_are_read_again_after_a_failure(
    serve: Serve, opened: ForkServer, capfd: pytest.CaptureFixture[str], error: Exception
) -> None:
    key, token = make_key()
    found: list[Key | Exception] = [key]

    def read() -> list[Key]:
        if isinstance(found[0], Exception):
            raise found[0]
        return [found[0]]

    with serve(Hosted("sms", "1", opened), keyring=Keyring(read, local=True)) as client:
        found[0] = error
        until(lambda: '"event.action":"keys","error.message":' in capfd.readouterr().err)
        assert ask(client, "GET", "/v2", token).status_code == 200
        found[0] = replace(key, revoked=NOW)
        until(lambda: ask(client, "GET", "/v2", token).status_code == 401)


def test_keys_that_cannot_be_read_again_count_for_a_while() -> None:
    clock, keys, fails = Clock(), [make_key()[0]], [False]

    def read() -> list[Key]:
        if fails[0]:
            raise ModelyardError("the disk is broken")
        return list(keys)

    keyring = Keyring(read, local=True, clock=clock)
    fails[0] = True
    with pytest.raises(ModelyardError):
        keyring.refresh()
    clock.time += PATIENCE - 1
    assert keyring.current
    assert keyring.usable
    clock.time += 1
    assert not keyring.current
    fails[0] = False
    keys.clear()
    keyring.refresh()
    assert keyring.current
    assert keyring.open
    assert not keyring.usable
    assert not Keyring(no_keys, local=False).open


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8080"},
        {"host": "192.168.0.7"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "[::1"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost.evil.example"},
    ],
)
def test_without_keys_no_other_site_may_ask_through_a_browser(client: httpx.Client, headers: dict[str, str]) -> None:
    refused = ask(client, "POST", INFER, **headers)
    assert refused.status_code == 403
    assert "localhost or a loopback address" in refused.json()["error"]
    for good in ({"host": "localhost:99"}, {"host": "[::1]:8080"}, {"origin": "http://127.0.0.1:3000"}):
        assert ask(client, "POST", INFER, **good).status_code == 200


def test_a_route_without_a_role_fails_at_the_start() -> None:
    async def endpoint(request: Request) -> Response:
        return Response()

    guard = Guard(Keyring(no_keys, local=True), Limits())
    with pytest.raises(TypeError, match="/secret declares no role"):
        guard.protect([Route("/secret", endpoint)])
    (route,) = guard.protect([GuardedRoute("/open", endpoint, methods=["GET"], role=None)])
    assert route.endpoint is endpoint


def test_addresses() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "localhost"))
    assert not any(is_loopback(host) for host in ("0.0.0.0", "::", "10.0.0.1", "localhost.x", "", "2130706433"))
    assert [host_in(text) for text in ("a:1", "[::1]:80", "https://b/c", "null", "")] == ["a", "::1", "b", "null", ""]
    assert neighbour("10.0.0.1") != neighbour("10.0.0.2")
    assert neighbour("2001:db8:0:1::1") == neighbour("2001:db8:0:1:ffff::2") != neighbour("2001:db8:0:2::1")
    assert neighbour("socket") == "socket"
