"""Kinds of entities, pieces of long texts, labelled words, and what a model found beside what has a shape."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import generalising, pseudonyms
from modelyard.methods.entities import ENTITY_KINDS, EntityKind, covered, kind_of, pieces, spans
from modelyard.methods.personal_data import KINDS, Found, beside, find, replace


def test_labels_of_several_corpora_are_known() -> None:
    assert [kind_of(label) for label in ("PERSON", "per", "GPE", "LOC", "ORG", "DATE")] == [
        "person",
        "person",
        "place",
        "place",
        "organisation",
        None,
    ]
    assert covered(["ORG", "DATE", "PER"]) == ("person", "organisation")


@given(st.text(st.sampled_from("ab .\n。，"), max_size=200), st.integers(2, 40))
def test_pieces_are_the_text_and_none_is_too_long(text: str, longest: int) -> None:
    found = list(pieces(text, longest))
    assert "".join(piece for _, piece in found) == text
    assert all(len(piece) <= longest and text.startswith(piece, start) for start, piece in found)


def test_pieces_end_where_sentences_do() -> None:
    assert list(pieces("Aa bb. Cc dd. Ee", 11)) == [(0, "Aa bb. "), (7, "Cc dd. Ee")]
    assert list(pieces("a\ud800", 9)) == [(0, "a\ufffd")]


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ("B-PER I-PER O B-LOC", [("person", 0, 3), ("place", 6, 7)]),
        ("PER PER ORG O", [("person", 0, 3), ("organisation", 4, 5)]),
        ("B-PER B-PER I-PER O", [("person", 0, 1), ("person", 2, 5)]),
        ("B-ORG E-ORG S-ORG I-MISC", [("organisation", 0, 3), ("organisation", 4, 5)]),
        ("O O I-LOC L-LOC", [("place", 4, 7)]),
    ],
)
def test_words_of_one_entity_are_joined(labels: str, wanted: list[tuple[EntityKind, int, int]]) -> None:
    assert list(spans([(2 * place, 2 * place + 1, label) for place, label in enumerate(labels.split())])) == wanted


def test_what_has_a_shape_goes_before_what_a_model_found() -> None:
    text = "Ask Jo Day jo@b.com of X Ltd, [PHONE] (Rome)"
    guesses: list[tuple[EntityKind, str]] = [
        ("person", "Jo Day jo@b.com of X Ltd, [PHONE]"),
        ("place", "PHONE"),
        ("place", "(Rome)"),
    ]
    entities = [Found(kind, text.index(part), text.index(part) + len(part)) for kind, part in guesses]
    found = beside(text, find(text, KINDS), entities)
    assert replace(text, found, lambda kind, part: f"<{kind} {part}>") == (
        "Ask <person Jo Day> <email jo@b.com> <person of X Ltd>, [PHONE] (<place Rome>)"
    )


@given(
    st.text(st.sampled_from("ab @.[]P 138"), max_size=40), st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)))
)
def test_no_two_overlap(text: str, places: list[tuple[int, int]]) -> None:
    ordered = sorted({min(place, len(text)) for pair in places for place in pair})
    entities = [Found("person", start, end) for start, end in zip(ordered[::2], ordered[1::2], strict=False)]
    found = beside(text, find(text, KINDS), entities)
    assert all(item.start < item.end for item in found)
    assert all(left.end <= right.start for left, right in itertools.pairwise(found))
    covered_places = {place for item in found for place in range(item.start, item.end)}
    marks = {place for place, character in enumerate(text) if not character.isalnum()}
    inside = {place for item in entities for place in range(item.start, item.end)}
    # No letter of an entity stays, unless it stands in a mark, which this alphabet can write as [P].
    assert "[P" in text or not inside - covered_places - marks


def test_names_have_surrogates_and_no_coarse_part() -> None:
    for kind in ENTITY_KINDS:
        made = pseudonyms.surrogate(b"key", kind, "Maria Lopez")
        assert made == pseudonyms.surrogate(b"key", kind, "Maria Lopez") != "Maria Lopez"
        assert pseudonyms.surrogate(b"key", kind, "MARIA  LOPEZ").casefold().split() == made.casefold().split()
        assert [word.istitle() and len(word) for word in made.split()] == [5, 5]
        assert generalising.found(kind, "Maria Lopez") == f"[{kind.upper()}]"
    assert len(pseudonyms.surrogate(b"key", "person", "王小明")) == 3
