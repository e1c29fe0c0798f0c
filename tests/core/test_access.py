"""Roles, keys and their tokens."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.access import (
    LOCAL,
    Key,
    Rate,
    Role,
    check_patterns,
    hash_token,
    id_in,
    new_token,
    without_tokens,
)
from modelyard.core.errors import InputError

NOW = datetime(2030, 1, 1, tzinfo=UTC)
ROLES = st.sampled_from(list(Role))


def make_key(token: str = "x", **changes: Any) -> Key:
    return replace(LOCAL, id="0" * 12, hash=hash_token(token), **changes)


@given(ROLES, ROLES, ROLES)
def test_each_role_includes_those_before_it(a: Role, b: Role, c: Role) -> None:
    assert a.includes(a)
    assert a.includes(b) or b.includes(a)
    assert not (a.includes(b) and b.includes(a)) or a is b
    assert a.includes(c) or not (a.includes(b) and b.includes(c))


def test_the_order_of_the_roles() -> None:
    assert list(Role) == ["viewer", "predict", "reviewer", "operator", "admin"]
    assert Role.ADMIN.includes(Role.VIEWER)
    assert not Role.VIEWER.includes(Role.PREDICT)


def test_an_unknown_role_is_refused_with_a_suggestion() -> None:
    assert Role.parse("operator") is Role.OPERATOR
    with pytest.raises(InputError, match="no role") as caught:
        Role.parse("oprator")
    assert "operator" in caught.value.fix


def test_tokens_are_recognised_and_never_the_same() -> None:
    tokens = [new_token() for _ in range(100)]
    assert len({token for _, token in tokens}) == len({number for number, _ in tokens}) == 100
    for number, token in tokens:
        assert re.fullmatch(r"my_[0-9a-f]{12}_[0-9a-f]{64}", token)
        assert id_in(token) == number


def test_a_hash_is_sha_256_and_opens_for_its_token_only() -> None:
    _, token = new_token()
    key = make_key(token)
    assert key.hash == hashlib.sha256(token.encode()).hexdigest()
    assert key.opens_with(token)
    for wrong in (token[:-1] + chr(ord(token[-1]) ^ 1), "n" + token[1:], token + "0", token.upper(), "", "é"):
        assert not key.opens_with(wrong)
    assert not LOCAL.opens_with("")


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_secret_is_left_in_a_text(before: str, after: str) -> None:
    number, token = new_token()
    clean = without_tokens(f"{before}{token}{after}")
    assert token[-64:] not in clean
    assert f"my_{number}_" in clean
    assert without_tokens(before) == before


def test_a_key_ends_when_it_expires_or_is_revoked() -> None:
    key = make_key(expires=NOW)
    assert key.state(NOW - timedelta(microseconds=1)) == "active"
    assert key.state(NOW) == "expired"
    assert make_key(expires=None).state(NOW) == "active"
    assert make_key(revoked=NOW, expires=NOW).state(NOW - timedelta(days=1)) == "revoked"


@pytest.mark.parametrize(
    ("patterns", "allowed", "refused"),
    [
        (("*",), ["sms", "a.b-c_d"], []),
        (("sms",), ["sms"], ["sms-spam", "xsms", "SMS", "", "*"]),
        (("sms-*", "chat"), ["sms-", "sms-spam", "chat"], ["sms", "chats"]),
        (("*-v1",), ["a-v1", "-v1"], ["a-v12", "a.v1"]),
    ],
)
def test_a_scope_is_names_and_stars(patterns: tuple[str, ...], allowed: list[str], refused: list[str]) -> None:
    key = make_key(models=check_patterns(patterns))
    assert all(key.may_use(name) for name in allowed)
    assert not any(key.may_use(name) for name in refused)


@pytest.mark.parametrize("pattern", ["", "[ab]", "a?", "a/b", "-a", "a\n", "ä", "a" * 129, "*\0"])
def test_other_patterns_are_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="no pattern"):
        check_patterns([pattern])
    with pytest.raises(InputError, match="no model"):
        check_patterns([])


def test_a_rate_has_a_burst_of_one_second() -> None:
    assert Rate.of(2.5) == Rate(2.5, 3)
    assert Rate.of(0.1) == Rate(0.1, 1)
    assert Rate.of(5, 1) == Rate(5, 1)


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (float("nan"), 1), (1e9, 1), (1, 0), (1, 10**9)])
def test_other_rates_are_refused(per_second: float, burst: int) -> None:
    with pytest.raises(InputError):
        Rate.of(per_second, burst)
    with pytest.raises(InputError):
        Rate.of(float("inf"))
