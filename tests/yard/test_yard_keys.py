"""Keys in the yard: added, listed, revoked, each recorded, no token kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from modelyard.core.access import Rate, Role
from modelyard.core.errors import InputError
from modelyard.yard.yard import Yard


def test_a_key_is_kept_without_its_token(yard: Yard) -> None:
    expires = datetime.now(UTC) + timedelta(days=30)
    key, token = yard.add_key(
        "web shop", Role.PREDICT, models=["sms-*", "chat"], rate=Rate(2.5, 7), expires=expires, actor="ann"
    )
    (kept,) = Yard(yard.home).list_keys()
    assert (kept.id, kept.label, kept.role, kept.models) == (key.id, "web shop", Role.PREDICT, ("sms-*", "chat"))
    assert (kept.rate, kept.revoked) == (Rate(2.5, 7), None)
    assert kept.expires is not None
    assert abs(kept.expires - expires) < timedelta(milliseconds=1)
    assert kept.opens_with(token)
    for path in yard.home.rglob("*"):
        assert not path.is_file() or token[-64:].encode() not in path.read_bytes()


def test_adding_and_revoking_are_recorded(yard: Yard) -> None:
    first, _ = yard.add_key("first", Role.ADMIN, actor="ann")
    second, token = yard.add_key("second", Role.VIEWER)
    assert yard.revoke_key(second.id, actor="bob").state(datetime.now(UTC)) == "revoked"
    assert yard.revoke_key(second.id, actor="eve").id == second.id
    found = [(event.action, event.details["key"]) for event in yard.events()]
    assert found == [("add key", first.id), ("add key", second.id), ("revoke key", second.id)]
    assert [yard.events()[number].actor for number in (0, 2)] == ["ann", "bob"]
    assert [key.state(datetime.now(UTC)) for key in yard.list_keys()] == ["active", "revoked"]
    assert yard.list_keys()[1].opens_with(token)
    assert yard.verify_events() is None


def test_what_cannot_be_a_key_changes_nothing(yard: Yard) -> None:
    for label in ("", "x" * 81, "two\nlines", "\x1b[31m", "a\u202eb"):
        with pytest.raises(InputError, match="label"):
            yard.add_key(label, Role.VIEWER)
    with pytest.raises(InputError, match="expired"):
        yard.add_key("late", Role.VIEWER, expires=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(InputError, match="no pattern"):
        yard.add_key("odd", Role.VIEWER, models=["../x"])
    with pytest.raises(InputError, match="no key has the id"):
        yard.revoke_key("0" * 12)
    assert yard.list_keys() == []
    assert yard.events() == []
