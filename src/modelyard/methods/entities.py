"""Named entities: the kinds that are personal, what models call them, and long texts in pieces that models take.

Knows no model.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar, get_args

from modelyard.methods import length_batches

_Label = TypeVar("_Label")

EntityKind = Literal["person", "place", "organisation"]
ENTITY_KINDS: tuple[EntityKind, ...] = get_args(EntityKind)
LABELS: dict[EntityKind, tuple[str, ...]] = {
    "person": ("PERSON", "PER"),
    "place": ("GPE", "LOC", "LOCATION", "FAC", "FACILITY", "PLACE"),
    "organisation": ("ORG", "ORGANIZATION", "ORGANISATION"),
}
"""Labels of the corpora that models learn from: OntoNotes, CoNLL-2003, WikiNER and their kin."""

_KINDS = {label: kind for kind, labels in LABELS.items() for label in labels}
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_REST = re.compile(r"[\ud800-\udfff]")
_SEAMS = (re.compile(r"[\n。！？；;!?]|\.\s"), re.compile(r"[\s，,]"))


def kind_of(label: str) -> EntityKind | None:
    """The kind that a model's label stands for; None where it is none of ours."""
    return _KINDS.get(label.upper())


def is_chinese(text: str) -> bool:
    """Whether an ideograph stands in it."""
    return _IDEOGRAPH.search(text) is not None


def covered(labels: Iterable[str]) -> tuple[EntityKind, ...]:
    """The kinds that a model with these labels finds."""
    known = {kind_of(label) for label in labels}
    return tuple(kind for kind in ENTITY_KINDS if kind in known)


def pieces(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """The text in pieces of at most so many characters, each with the place where it begins.

    A piece ends behind the last end of a sentence, or else blank or comma, in its second half. Half of a surrogate
    pair, which no model can read, becomes U+FFFD.
    """
    text = _REST.sub("\ufffd", text)
    start = 0
    while len(text) - start > longest:
        found = [list(seam.finditer(text, start + longest // 2, start + longest)) for seam in _SEAMS]
        end = next((matches[-1].end() for matches in found if matches), start + longest)
        yield start, text[start:end]
        start = end
    yield start, text[start:]


def label_pieces(
    texts: Sequence[str], longest: int, budget: int, label: Callable[[list[str]], Sequence[_Label]]
) -> Iterator[tuple[int, int, _Label]]:
    """For each piece of each text, from left to right: number of the text, place where it begins, and what it got.

    Args:
        longest: characters of a piece.
        budget: most characters that are labelled at once, with those that fill shorter pieces up.
    """
    parts = [(number, *piece) for number, text in enumerate(texts) for piece in pieces(text, longest)]
    labelled: dict[int, _Label] = {}
    for batch in length_batches.by_budget([len(piece) for *_, piece in parts], budget):
        places = batch.tolist()
        labelled |= zip(places, label([parts[place][2] for place in places]), strict=True)
    for place, (number, begin, _) in enumerate(parts):
        yield number, begin, labelled[place]


def spans(words: Iterable[tuple[int, int, str]]) -> Iterator[tuple[EntityKind, int, int]]:
    """Entities of labelled words: kind, start and end.

    Args:
        words: start, end and label of each, from left to right; a label is ``O``, one of :data:`LABELS`, or that after
            ``B-`` (begins one), ``I-``, ``E-`` or ``L-`` (ends one), or ``S-`` or ``U-`` (is one): IOB (Ramshaw and
            Marcus 1995) and its kin.
    """
    kind: EntityKind | None = None
    start = end = 0
    for first, last, label in words:
        place, _, name = label.rpartition("-")
        found = kind_of(name)
        if found != kind or place in ("B", "S", "U"):
            if kind:
                yield kind, start, end
            kind, start = found, first
        end = last
        if kind and place in ("E", "L", "S", "U"):
            yield kind, start, end
            kind = None
    if kind:
        yield kind, start, end
