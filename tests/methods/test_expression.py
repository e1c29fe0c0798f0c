"""The language of rules: known answers, places in errors, and nothing but InputError for any text."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.methods.expression import Expression

ROW: dict[str, Any] = {"text": "Reply STOP to 12345", "age": 41.0, "home country": "NL", "none": None}
ANSWER: dict[str, Any] = {"label": "spam", "score": 0.62, "scores": {"ham": 0.38, "spam": 0.62, "very good": 0.0}}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("contains(text, 'STOP')", True),
        ("contains(text, 'stop')", False),
        ("contains(lower(text), 'stop')", True),
        ('startswith(text, "Reply")', True),
        ("endswith(text, 'x')", False),
        (r"matches(text, '\b\d{5}$')", True),
        (r"matches(text, '^\d')", False),
        ("length(text) == 19", True),
        ("length(text) > 19 or age >= 41", True),
        ("age == 41 and not age < 41", True),
        ("not not age == 41", True),
        ("not (age == 41 or age == 42)", False),
        ("true or false and false", True),
        ("(true or false) and false", False),
        ("`home country` in ['US', 'NL']", True),
        ("`home country` not in ['US', 'NL']", False),
        ("age in [41, 'NL']", True),
        ("label == 'spam' and score < 0.75", True),
        ("scores.spam >= 0.6 and scores.ham != 0.6", True),
        ("scores.`very good` == 0", True),
        ("scores.nobody > -1", False),
        ("age > -1.5", True),
        # Of two kinds, and missing.
        ("age == '41'", False),
        ("age != '41'", True),
        ("age < 'x' or age > 'x'", False),
        ("none == none", False),
        ("none < 1 or contains(none, 'a') or length(none) > 0 or matches(none, '')", False),
        ("true == 1", False),
        # What is no truth is not true.
        ("text", False),
        ("not age", True),
    ],
)
def test_known_answers(text: str, expected: bool) -> None:
    assert Expression(text).holds({**ROW, **ANSWER}) is expected


def test_it_knows_what_it_looks_at() -> None:
    expression = Expression("contains(text, 'a') and scores.spam > 0.5")
    assert (set(expression.names), set(expression.labels)) == ({"text", "scores"}, {"spam"})
    assert expression.of_outputs
    assert not Expression("`home country` == 'NL'").of_outputs
    with pytest.raises(InputError) as error:
        Expression("contains(txt, 'a')").check_names(["text"], ["label"])
    assert "did you mean 'text'" in error.value.fix


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("", "value is missing", ""),
        ("text ==", "at character 8 (at the end)", ""),
        ("contain(text, 'a')", "no function 'contain', at character 1", "did you mean 'contains'"),
        ("contains(text)", "contains takes 2 values, not 1", ""),
        ("contains(text, 'a'", "')' is missing", ""),
        ("age = 4", "'=' means nothing here, at character 5", ""),
        ("1 < age < 3", "two comparisons in a row", "and between"),
        ("age not 4", "'not' here needs 'in'", ""),
        ("scores > 0.5", "'scores' of what?", ""),
        ("matches(text, text)", "the pattern is no 'text'", ""),
        ("matches(text, '(a')", "'(' without its ')', at character 1 of the pattern", ""),
        ("__import__('os')", "no function '__import__'", ""),
        ("text.upper()", "'.' is too much", ""),
        ("'open", "means nothing here, at character 1", ""),
        ("(" * 30 + "true" + ")" * 30, "too deep", ""),
        ("[" * 30, "too deep", ""),
        ("lower(" * 30, "too deep", ""),
        (" or ".join(["true"] * 200), "too long", ""),
        ("a" * 2001, "2001 characters", ""),
    ],
)
def test_what_is_not_of_the_language_is_refused_with_its_place(text: str, what: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        Expression(text)
    assert what in error.value.what
    assert hint in error.value.fix + error.value.expected


PARTS = [
    "text",
    "age",
    "label",
    "scores",
    ".",
    "spam",
    "(",
    ")",
    "[",
    "]",
    ",",
    "'a'",
    "1.5",
    "-",
    "not",
    "in",
    "and",
    "or",
]
PARTS += ["==", "<", "true", "contains", "matches", "lower", "length", "`x y`", " ", "é", "'", "\\", "\n", "\x00"]


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PARTS), max_size=25).map(" ".join)))
def test_any_text_is_an_expression_or_an_input_error(text: str) -> None:
    try:
        expression = Expression(text)
    except InputError:
        return
    assert expression.holds({**ROW, **ANSWER}) in (True, False)
    assert expression.holds({}) in (True, False)
