"""Finds personal data in text by its shape and its check digits, and puts a mark in its place.

Names and postal addresses have no such shape: they are not found. Linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache

from modelyard.methods.personal_shapes import KINDS, MARKS, SHAPES, START, Kind, Shape, is_card, is_chinese_id

__all__ = ["KINDS", "Found", "Kind", "find", "is_card", "is_chinese_id", "mask", "replace"]


@dataclass(frozen=True)
class Found:
    """Personal data of one kind, from ``start`` up to ``end`` in the text."""

    kind: Kind
    start: int
    end: int


def find(text: str, kinds: Collection[Kind] = KINDS) -> list[Found]:
    """What is personal in the text, from left to right; no two overlap.

    Args:
        text: any text.
        kinds: what to look for.
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


def replace(text: str, kinds: Collection[Kind], instead: Callable[[Kind, str], str]) -> str:
    """The text with something else in place of what was found.

    Args:
        instead: kind and what was found → what stands there.
    """
    pieces, end = [], 0
    for item in find(text, kinds):
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
    return replace(text, kinds, lambda kind, _: MARKS[kind])


@cache
def _looked_for(kinds: frozenset[Kind]) -> tuple[list[tuple[Shape, re.Pattern[str]]], re.Pattern[str]]:
    """The shapes with their patterns, and the pattern of the places where one of them may begin."""
    wanted = [shape for shape in SHAPES if shape.kind in kinds]
    anywhere = [f"(?:(?:{shape.context}){shape.body})" for shape in wanted]
    # Of no shapes: nothing is found, rather than everything.
    candidates = re.compile(START + f"(?:{'|'.join(anywhere) or '(?!)'})")
    return [(shape, re.compile(f"(?:{shape.context})({shape.body})")) for shape in wanted], candidates
