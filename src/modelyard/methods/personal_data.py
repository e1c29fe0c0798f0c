"""Finds personal data in text by its shape and its check digits, and puts something else in its place.

Names, places and organisations have no such shape: a model finds them (:mod:`modelyard.methods.entities`), and what it
found goes beside what has a shape. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from modelyard.methods.personal_shapes import (
    KINDS,
    MARKS,
    SHAPES,
    START,
    Kind,
    PersonalKind,
    Shape,
    is_card,
    is_chinese_id,
)

__all__ = ["KINDS", "Found", "Kind", "PersonalKind", "beside", "find", "is_card", "is_chinese_id", "mask", "replace"]

_MARK = re.compile(r"\[[A-Z]+(?::[a-p]{16})?\]")
"""What masking left."""


@dataclass(frozen=True)
class Found:
    """Personal data of one kind, from ``start`` up to ``end`` in the text."""

    kind: PersonalKind
    start: int
    end: int


def find(text: str, kinds: Collection[PersonalKind] = KINDS) -> list[Found]:
    """What is personal in the text by its shape, from left to right; no two overlap.

    Args:
        text: any text.
        kinds: what to look for; of those that have no shape nothing is found.
    """
    shapes, candidates = _looked_for(frozenset(kinds))
    found: list[Found] = []
    position = 0
    while candidate := candidates.search(text, position):
        start = candidate.start()
        position = start + 1
        for shape, pattern in shapes:
            match = pattern.match(text, start)
            if match and shape.check(match[1]):
                found.append(Found(shape.kind, *match.span(1)))
                position = match.end()
                break
    return found


def beside(text: str, shaped: Sequence[Found], entities: Iterable[Found]) -> list[Found]:
    """What has a shape and what a model found, from left to right; no two overlap.

    Check digits are surer than a model: an entity is what is left of it beside them and beside marks, if there is a
    letter or digit in that.
    """
    taken = sorted([*((item.start, item.end) for item in shaped), *(match.span() for match in _MARK.finditer(text))])
    found = list(shaped)
    for entity in sorted(entities, key=lambda item: item.start):
        bounds = [entity.start]
        for start, end in taken:
            if start < entity.end and entity.start < end:
                bounds += [start, end]
        for start, end in zip(bounds[::2], [*bounds[1::2], entity.end], strict=True):
            inside = [place for place in range(start, end) if text[place].isalnum()]
            found += [Found(entity.kind, inside[0], inside[-1] + 1)] if inside else []
    return sorted(found, key=lambda item: item.start)


def replace(text: str, found: Iterable[Found], instead: Callable[[PersonalKind, str], str]) -> str:
    """The text with something else in place of what was found.

    Args:
        found: from left to right; no two overlap.
        instead: kind and what was found → what stands there.
    """
    pieces, end = [], 0
    for item in found:
        pieces += [text[end : item.start], instead(item.kind, text[item.start : item.end])]
        end = item.end
    return "".join([*pieces, text[end:]])


def mask(text: str, kinds: Collection[Kind] = KINDS) -> str:
    """The text with ``[PHONE]``, ``[EMAIL]``, … in place of what was found.

    Masking what was masked changes nothing.

    Args:
        text: any text.
        kinds: what to look for.
    """
    return replace(text, find(text, kinds), lambda kind, _: MARKS[kind])


@cache
def _looked_for(kinds: frozenset[PersonalKind]) -> tuple[list[tuple[Shape, re.Pattern[str]]], re.Pattern[str]]:
    """The shapes with their patterns, and the pattern of the places where one of them may begin."""
    wanted = [shape for shape in SHAPES if shape.kind in kinds]
    anywhere = [f"(?:(?:{shape.context}){shape.body})" for shape in wanted]
    # Of no shapes: nothing is found, rather than everything.
    candidates = re.compile(START + f"(?:{'|'.join(anywhere) or '(?!)'})")
    return [(shape, re.compile(f"(?:{shape.context})({shape.body})")) for shape in wanted], candidates
