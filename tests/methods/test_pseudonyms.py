"""Surrogates have the form and the check digits of what they stand for, and depend on the key; marks join."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.methods import generalising
from modelyard.methods.keyed_draws import KeyedDraws
from modelyard.methods.personal_data import Found, find
from modelyard.methods.personal_shapes import Kind
from modelyard.methods.pseudonyms import mark, similar, surrogate
from modelyard.methods.span_scores import score
from modelyard.testing.personal_texts import corpus

EXAMPLES: dict[Kind, str] = {
    "phone": "+86 138-1234-5678",
    "email": "li.wei99@mail.co.uk",
    "url": "https://blog.example.cn/u/anna?id=77",
    "card": "4111 1111 1111 1111",
    "id": "11010519491231002X",
    "ip": "203.0.113.77",
    "iban": "DE89 3704 0044 0532 0130 00",
    "passport": "E12345678",
}


@pytest.mark.parametrize(("kind", "text"), EXAMPLES.items())
def test_a_surrogate_is_of_the_same_kind(kind: Kind, text: str) -> None:
    made = surrogate(b"key", kind, text)
    context = "passport " if kind == "passport" else ""
    assert find(context + made, [kind]) == [Found(kind, len(context), len(context + made))]
    assert made != text
    assert made == surrogate(b"key", kind, text)
    assert made != surrogate(b"another", kind, text)
    if kind in ("card", "id", "iban", "passport", "phone"):
        assert len(made) == len(text)
        assert [a.isalnum() for a in made] == [a.isalnum() for a in text]


def test_what_stays_of_a_surrogate() -> None:
    assert surrogate(b"key", "phone", EXAMPLES["phone"]).startswith("+86 ")
    assert surrogate(b"key", "iban", EXAMPLES["iban"]).startswith("DE")
    assert surrogate(b"key", "id", EXAMPLES["id"]).startswith("11")
    assert surrogate(b"key", "ip", "203.0.113.77").startswith("10.")
    assert surrogate(b"key", "ip", "2a02:8109::1").startswith("2001:db8:")
    assert surrogate(b"key", "secret", "ghp_" + "a1" * 18) == "[SECRET]"
    first, second = (surrogate(b"key", "email", f"{name}@firm.de").partition("@")[2] for name in ("anna", "bob"))
    assert first == second
    assert first.endswith(".example")


def test_marks_are_equal_for_equal_data_only() -> None:
    assert mark(b"key", "phone", "138 1234 5678") == mark(b"key", "phone", "138-1234-5678")
    assert mark(b"key", "email", "A@b.com") == mark(b"key", "email", "a@B.com")
    different = {mark(b"key", "phone", "13812345678"), mark(b"key", "phone", "13812345679")}
    assert len({*different, mark(b"kez", "phone", "13812345678"), mark(b"key", "card", "13812345678")}) == 4
    assert find(" ".join(different)) == []


SPELLINGS = ("+41 79 123 45 67", "0041 79 123 45 67", "(0041) 79-123-45-67", "+41 (0)79 123 45 67", "0041791234567")


def test_one_number_has_one_mark_however_it_is_dialled() -> None:
    assert all(find(text) == [Found("phone", 0, len(text))] for text in SPELLINGS)
    assert len({mark(b"key", "phone", text) for text in SPELLINGS}) == 1
    others = ("+41 79 123 45 68", "+4 179 123 45 670", "079 123 45 67", "41791234567")
    assert len({mark(b"key", "phone", text) for text in (SPELLINGS[0], *others)}) == 5
    plus, zeros = (surrogate(b"key", "phone", text) for text in SPELLINGS[:2])
    assert zeros == plus.replace("+", "00")
    # In a column of another name two zeros are but digits.
    assert mark(b"key", "ticket", "0041 79") != mark(b"key", "ticket", "+41 79")


@settings(max_examples=60)
@given(st.text(max_size=30))
def test_similar_text_has_the_same_form(text: str) -> None:
    made = similar(KeyedDraws(b"key", text), text)
    assert len(made) == len(text)
    for before, after in zip(text, made, strict=True):
        assert before.isdigit() == after.isdigit()
        assert before.isalnum() or before == after


@pytest.mark.parametrize(
    ("kind", "text", "coarse"),
    [
        ("id", "11010519491231002X", "11****1949********"),
        ("card", "4111 1111 1111 1234", "**** **** **** 1234"),
        ("phone", "+86 138-1234", "+86 1**-****"),
        ("email", "a.b@c.org", "*@c.org"),
        ("url", "https://a.b/c?d=1", "https://a.b"),
        ("ip", "203.0.113.77", "203.0.113.0/24"),
        ("ip", "2001:db8:1:2::3", "2001:db8:1::/48"),
        ("iban", "DE89 3704", "DE** ****"),
        ("passport", "E12345678", "[PASSPORT]"),
    ],
)
def test_the_coarse_part(kind: Kind, text: str, coarse: str) -> None:
    assert generalising.found(kind, text) == coarse


def test_bands() -> None:
    assert [generalising.band(age, 10) for age in (30, 34, 39.9, 40, -1)] == [35, 35, 35, 45, -5]
    assert generalising.beginning("10115", 2) == "10*"
    assert generalising.beginning("10", 2) == "10"


def test_nearly_all_of_a_generated_corpus_is_found() -> None:
    """Passports without the word before them have nothing to be known by; eight digits alone are no phone number."""
    labelled = corpus(1500, seed=7)
    found = score(([(i.kind, i.start, i.end) for i in find(entry.text)], entry.truth) for entry in labelled)
    for kind, scored in found.items():
        precision, recall = scored.precision.value or 0.0, scored.recall.value or 0.0
        assert precision >= (0.9 if kind == "phone" else 1.0), kind
        assert recall >= {"phone": 0.9, "ip": 0.97}.get(kind, 1.0), kind


def test_the_score_of_spans() -> None:
    pairs = [([("a", 0, 2), ("b", 3, 4)], [("a", 0, 2), ("a", 5, 6)]), ([("a", 1, 2)], [("a", 1, 3)])]
    scored = score(pairs)
    assert scored["a"].precision.value == pytest.approx(1 / 2)
    assert scored["a"].recall.value == pytest.approx(1 / 3)
    assert scored["b"].precision.value == 0
    assert scored["b"].recall.value is None


def test_the_corpus_says_where_its_data_are() -> None:
    entries = corpus(200, seed=random.Random(1).randrange(99))
    assert {entry.language for entry in entries} == {"zh", "en"}
    for entry in entries:
        for kind, start, end in entry.truth:
            assert 0 <= start < end <= len(entry.text)
            assert kind != "email" or entry.text[start:end].count("@") == 1
