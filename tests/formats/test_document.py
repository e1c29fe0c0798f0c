"""YAML with lines: what is read, and what is refused with its line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.formats.document import parse


def test_every_value_knows_its_line() -> None:
    document = parse("a: 1\nb:\n  - x\n  - {c: 2,\n     d: 3}\n", "r.yaml")
    assert document.value == {"a": 1, "b": ["x", {"c": 2, "d": 3}]}
    assert document.where(("b", 1, "d")) == "r.yaml, line 5"
    assert document.line(("b", 0)) == 3
    assert document.line(("b", 1, "missing")) == 4
    assert document.line(("nowhere",)) == 1


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2e-4", 2e-4),
        ("1.", 1.0),
        (".5", 0.5),
        ("-3", -3),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("'1'", "1"),
        ("2026-11-23", "2026-11-23"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("0x10", "0x10"),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    assert parse(f"key: {text}", "r").value == {"key": value}


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\na: 2\n", 2, "twice"),
        ("a: &x [1]\nb: *x\n", 2, "alias"),
        ("a: !!python/object/apply:os.system [echo]\n", 1, "tag"),
        ("ok: 1\nb: !custom 3\n", 2, "tag"),
        ("a: 1\n b: 2\n", 2, "YAML"),
        ("a: [1, 2\nb: 3\n", 2, "YAML"),
        ("? [1, 2]\n: x\n", 1, "key"),
        ("a: " + "[" * 50 + "]" * 50, 1, "nested"),
        ("a: \x07", 1, "YAML"),
    ],
)
def test_what_is_refused_names_its_line(text: str, line: int, word: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, "r.yaml")
    assert word in caught.value.what
    if "\x07" not in text:
        assert caught.value.where == f"r.yaml, line {line}"


def test_an_alias_bomb_is_refused_before_it_grows() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(InputError, match="alias"):
        parse(bomb, "r.yaml")


def test_empty_and_oversized_files_are_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        parse("# nothing\n", "r.yaml")
    with pytest.raises(InputError, match="too large"):
        parse("a: " + "x" * 1_000_001, "r.yaml")


plain_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | plain_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain_text, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(plain_text, values, min_size=1, max_size=4))
def test_json_is_read_as_json(value: dict[str, object]) -> None:
    assert parse(json.dumps(value), "r.yaml").value == value
