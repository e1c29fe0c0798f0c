"""Names that are refused, and what a reference means."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.naming import Reference, check_name
from modelyard.yard.yard import Yard

BAD = [
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "a..b",
    "-rf",
    ".hidden",
    "a\0",
    "a\n",
    "Sms",
    "sms spam",
    "$(id)",
    "smѕ",
    "ｓms",
    "é",
]
BAD += ["a\u202eb", "\ud800", "a" * 65, "a;b", "a'b", "a%2e"]


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused_everywhere(
    yard: Yard, seal_model: Callable[..., Model], seal_release: Callable[..., Release], name: str
) -> None:
    with pytest.raises(InputError) as error:
        yard.resolve(name)
    assert str(error.value).isascii()
    with pytest.raises(InputError):
        yard.history(name)
    with pytest.raises(InputError):
        yard.promote("sms-spam", alias=name)
    with pytest.raises(InputError):
        yard.rollback("sms-spam", alias=name)
    if name.isprintable():
        release = yard.put(seal_release(yard.put(seal_model()), name=name))
        with pytest.raises(InputError):
            yard.publish(release)
    assert yard.names() == []
    assert yard.events() == []


@given(st.text(max_size=70) | st.from_regex(r"[a-z0-9._-]{1,66}", fullmatch=True))
def test_an_accepted_name_is_one_plain_path_part(name: str) -> None:
    try:
        assert check_name("name", name) == name
    except InputError:
        return
    assert PurePosixPath(name).parts == (name,)
    assert name.isascii()
    assert 1 <= len(name) <= 64
    assert Reference.parse(name) == Reference(name)
    assert Reference.parse(f"{name}@{name}") == Reference(name, alias=name)
    assert Reference.parse(f"{name}:12") == Reference(name, number=12)


@pytest.mark.parametrize(
    "text", ["a:", "a@", "a:0", "a:-1", "a:1.5", "a:x", "a:1:2", "a@b:1", "a:1@b", "@b", ":1", "a:" + "9" * 30, "a:٣"]
)
def test_bad_references(text: str) -> None:
    with pytest.raises(InputError):
        Reference.parse(text)


def test_plain_name_is_production_else_newest(yard: Yard, publish: Callable[..., Release]) -> None:
    publish(b"1")
    publish(b"2")
    publish(b"3", accuracy=0.5)
    assert yard.resolve("sms-spam").number == 3
    yard.promote("sms-spam:1", alias="canary")
    assert yard.resolve("sms-spam").number == 3
    yard.promote("sms-spam:2")
    assert yard.resolve("sms-spam").number == 2
    assert yard.resolve("sms-spam@canary").number == 1
    assert yard.resolve("sms-spam:3").number == 3
    assert {version.number: version.aliases for version in yard.versions("sms-spam")} == {
        3: (),
        2: ("production",),
        1: ("canary",),
    }


@pytest.mark.parametrize(
    ("reference", "fix"),
    [
        ("sms-spm", "did you mean 'sms-spam'?"),
        ("sms-spam@prodution", "did you mean 'production'?"),
        ("sms-spam:2", ""),
    ],
)
def test_unknown_references_get_a_suggestion(
    yard: Yard, publish: Callable[..., Release], reference: str, fix: str
) -> None:
    with pytest.raises(InputError, match="no release is named"):
        yard.resolve("sms-spam")
    publish()
    yard.promote("sms-spam")
    with pytest.raises(InputError) as error:
        yard.resolve(reference)
    assert error.value.fix == fix
