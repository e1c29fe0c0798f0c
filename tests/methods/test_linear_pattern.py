"""Patterns: the answers of Python's ``re`` where both can be asked, and work that the text's length bounds."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.methods.linear_pattern import MAX_STATES, Pattern

PATTERNS = [
    "abc",
    "^abc$",
    "a|bc|",
    "(a|b)*c",
    "a{2,3}b",
    "^(ab){2}$",
    "x{0}y",
    "a{2,}$",
    "[a-c]+[^a-c]",
    r"\bcat\b",
    r"[0-9]{3}-\d+",
    r"\w+\s\w+",
    "(a*)*b",
    r"^\s*$",
    "a.c",
    "[]a]x",
    r"[\d_-]a",
    r"\.\*",
    "(a|ab)(c|bcd)(d*)$",
    "$",
    "^",
    r"b\b",
    "(^a|b)c",
]


@pytest.mark.parametrize("pattern", PATTERNS)
@given(st.text(alphabet="abcdxy cat0123-_.*\n\té]", max_size=20))
def test_it_finds_what_python_finds(pattern: str, text: str) -> None:
    # \Z: Python's $ also holds before a last newline.
    expected = re.search(pattern.replace("$", r"\Z"), text) is not None
    assert Pattern(pattern).found_in(text) is expected


@given(st.text(alphabet="ab(|)*+?{}[]^$.\\bdw,-23é", max_size=25))
def test_any_text_is_a_pattern_or_an_input_error(pattern: str) -> None:
    try:
        found = Pattern(pattern)
    except InputError:
        return
    found.found_in("ab23 é-a")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(a+)+$", "a" * 2000 + "b"),
        ("(a|a)*(a|a)*c", "a" * 2000),
        ("a{0,30}a{30}$", "a" * 2000 + "!"),
        ("(x+x+)+y", "x" * 2000),
        # Every text of so many letters leads to another deterministic state: none of them is of use twice.
        ("[ab]*a[ab]{20}c", "".join("ab"[(n * n // 7) % 2] for n in range(2000))),
    ],
)
def test_hostile_patterns_take_linear_work(pattern: str, text: str) -> None:
    found = Pattern(pattern)
    assert not found.found_in(text)
    assert found.looks <= (len(text) + 1) * found.states


def test_what_was_met_before_is_not_looked_at_again() -> None:
    found = Pattern("a+b")
    assert not found.found_in("a" * 10_000)
    # A few deterministic states, and the end.
    assert found.looks < 50


@pytest.mark.parametrize(
    ("pattern", "what"),
    [
        ("a)", "character 2"),
        ("(a", "character 1"),
        ("[a", "character 1"),
        ("a**", "two repetitions"),
        ("*a", "nothing before it"),
        ("(?=a)", "'(?'"),
        (r"(a)\1", r"'\1'"),
        ("a{3", "'{' without numbers"),
        ("a{3,2}", "{3,2}"),
        ("(" * 30 + ")" * 30, "deeper"),
        ("a" * 501, "501 characters"),
        ("((a{9}){99}){99}", "too large"),
        ("a{9999}", "too large"),
        ("\\", "'\\'"),
    ],
)
def test_what_cannot_be_a_pattern_is_refused_with_its_place(pattern: str, what: str) -> None:
    with pytest.raises(InputError) as error:
        Pattern(pattern)
    assert what in error.value.what


def test_size_is_bounded() -> None:
    assert Pattern("a{300}").states <= MAX_STATES
