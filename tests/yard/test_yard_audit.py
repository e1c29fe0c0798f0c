"""What a chain alone cannot show: a log that was cut off or written anew, and rows that no event tells of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.core.access import Role
from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.release import Release
from modelyard.yard import anchors
from modelyard.yard.yard import Yard
from tests.yard.test_yard_events import raw


@pytest.fixture
def busy(yard: Yard, publish: Callable[..., Release]) -> Yard:
    """A yard with six events: two versions, two promotions, two keys."""
    for content in (b"1", b"2"):
        publish(content)
        yard.promote(f"sms-spam:{content.decode()}")
    yard.add_key("first", Role.VIEWER)
    yard.revoke_key(yard.add_key("second", Role.ADMIN)[0].id)
    return yard


def forge(yard: Yard, *statements: str) -> None:
    """Change the log as somebody does who knows how it is made: triggers, numbers and the chain are mended."""
    with raw(yard) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        previous = "sha256:" + "0" * 64
        for row in connection.execute("SELECT * FROM events ORDER BY number").fetchall():
            previous = hash_bytes(canonical_json([previous, *row[:-1]]))
            connection.execute("UPDATE events SET hash = ? WHERE number = ?", (previous, row[0]))
        connection.execute("UPDATE sqlite_sequence SET seq = (SELECT max(number) FROM events) WHERE name = 'events'")
        for _, text in triggers:
            connection.execute(text)


def test_an_anchor_is_the_last_event(busy: Yard, tmp_path: Path) -> None:
    last = busy.events()[-1]
    anchor = busy.anchor(tmp_path / "anchors")
    assert (anchor.number, anchor.hash) == (last.number, last.hash) == (7, last.hash)
    busy.add_key("third", Role.VIEWER)
    later = busy.anchor(tmp_path / "anchors")
    assert anchors.read(tmp_path / "anchors") == [anchor, later]
    assert busy.verify_events([anchor, later]) is None
    with raw(busy) as connection:
        (recorded,) = connection.execute("SELECT hash FROM events WHERE number = 8").fetchone()
    assert later.hash == recorded


def test_an_empty_log_is_anchored_too(yard: Yard) -> None:
    anchor = yard.anchor()
    assert (anchor.number, anchor.hash) == (0, "sha256:" + "0" * 64)
    yard.add_key("first", Role.VIEWER)
    assert yard.verify_events([anchor]) is None


@pytest.mark.parametrize(
    ("statement", "first_bad", "words"),
    [
        ("DELETE FROM events WHERE number > 3", 4, "it was removed"),
        ("DELETE FROM events", 1, "it was removed"),
        ("UPDATE events SET actor = 'bob' WHERE number = 2", 7, "rewritten"),
        ("UPDATE events SET details = '{}' WHERE number = 7", 7, "rewritten"),
    ],
)
def test_a_log_that_was_written_anew_does_not_meet_its_anchor(
    busy: Yard, tmp_path: Path, statement: str, first_bad: int, words: str
) -> None:
    file = tmp_path / "anchors"
    anchor = busy.anchor(file)
    forge(busy, statement)
    assert busy.verify_events() is None
    problem = busy.verify_events([anchor])
    assert problem is not None
    assert problem.where == f"event {first_bad}"
    assert words in problem.what
    with pytest.raises(IntegrityError, match=f"event {first_bad}"):
        busy.anchor(file)
    assert anchors.read(file) == [anchor]


def test_the_earliest_anchor_that_is_missed_is_named(busy: Yard) -> None:
    first = busy.anchor()
    busy.add_key("third", Role.VIEWER)
    second = busy.anchor()
    forge(busy, "UPDATE events SET actor = 'bob' WHERE number = 8")
    assert busy.verify_events([first]) is None
    problem = busy.verify_events([second, first])
    assert problem is not None
    assert problem.where == "event 8"


def test_a_broken_chain_is_not_anchored(busy: Yard) -> None:
    with raw(busy) as connection:
        connection.execute("DROP TRIGGER events_hold")
        connection.execute("UPDATE events SET actor = 'eve' WHERE number = 3")
    with pytest.raises(IntegrityError, match="event 3"):
        busy.anchor()


def test_an_anchor_lies_outside_of_the_yard(busy: Yard, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(busy.home)
    for file in (busy.home / "anchors", busy.home / "objects" / "x", tmp_path / "link" / "anchors"):
        with pytest.raises(InputError, match="proves nothing"):
            busy.anchor(file)
        assert not file.exists()


@pytest.mark.parametrize(
    "text", ["", "\n", "no anchor", "[]", '{"number": 1}', '{"number": "1", "hash": "x", "time": "y"}', "\xff"]
)
def test_other_files_hold_no_anchors(busy: Yard, tmp_path: Path, text: str) -> None:
    file = tmp_path / "odd"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="anchor"):
        busy.anchor(file)
    with pytest.raises(InputError, match="no anchors can be read"):
        anchors.read(tmp_path / "none")
    assert file.read_bytes() == text.encode("latin-1")


FORGED_KEY = "INSERT INTO keys SELECT 'f', hash, label, role, models, NULL, NULL, created, NULL, NULL FROM keys LIMIT 1"


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        (FORGED_KEY, "key f"),
        ("UPDATE keys SET role = 'admin' WHERE label = 'first'", "key "),
        ("UPDATE keys SET hash = 'mine' WHERE label = 'first'", "key "),
        ("UPDATE keys SET revoked = NULL", "key "),
        ("DELETE FROM keys WHERE label = 'second'", "key "),
        ("INSERT INTO promotions (name, alias, number) VALUES ('sms-spam', 'canary', 1)", "sms-spam@canary"),
        ("INSERT INTO promotions (name, alias, number) VALUES ('sms-spam', 'production', 1)", "sms-spam@production"),
        ("UPDATE promotions SET stands = 0 WHERE number = 2", "sms-spam@production"),
        ("UPDATE versions SET release = (SELECT release FROM versions WHERE number = 1)", "sms-spam:2"),
    ],
)
def test_what_no_event_tells_of_is_named(busy: Yard, statement: str, where: str) -> None:
    assert busy.verify() == []
    with raw(busy) as connection:
        connection.execute(statement)
    (problem,) = busy.verify()
    assert problem.where.startswith(where)
    assert problem.what == "it is not what the audit log says was done"


@pytest.mark.parametrize("action", ["publish", "promote", "rollback", "add key", "revoke key"])
def test_forged_events_are_named_and_do_no_harm(busy: Yard, action: str) -> None:
    busy.record("load", "x", {"odd": [1]})
    assert busy.verify() == []
    busy.record(action, "x", {"odd": [1]})
    (problem,) = busy.verify()
    assert problem.where in ("x:None", "x@None", "key None")


def test_rollbacks_are_done_again_as_they_were(busy: Yard) -> None:
    busy.rollback("sms-spam")
    busy.promote("sms-spam:2")
    busy.rollback("sms-spam")
    busy.promote("sms-spam:2", alias="canary")
    assert busy.verify() == []
    assert json.dumps([event.details for event in busy.events()]).count('"left"') == 2
