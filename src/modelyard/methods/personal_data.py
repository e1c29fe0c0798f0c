"""Finds personal data in text by its shape and its check digits, and puts a mark in its place.

Phone numbers (international, North American, mainland Chinese, and those with a trunk zero as in most of
Europe), e-mail addresses, URLs, payment cards (Luhn, ISO/IEC 7812) and mainland Chinese identity numbers
(GB 11643-1999: a date and an ISO 7064 MOD 11-2 check digit). Names and addresses have no such shape: they
are not found. Every pattern but that of URLs has a bounded length, and a URL is taken whole, so the time is
linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal, get_args

Kind = Literal["phone", "email", "url", "card", "id"]
KINDS: tuple[Kind, ...] = get_args(Kind)

_MARKS = {kind: f"[{kind.upper()}]" for kind in KINDS}
# What is looked for begins a word. A mark counts as a word: masking twice changes nothing.
_START = r"(?<![A-Za-z\d_])" + "".join(f"(?<!{re.escape(mark)})" for mark in _MARKS.values())
_ANY_MARK = "|".join(map(re.escape, _MARKS.values()))
_NO_DECIMAL = r"(?<!\d[.-])" + "".join(f"(?<!{re.escape(mark)}[.-])" for mark in _MARKS.values())


def mask(text: str, kinds: Collection[Kind] = KINDS) -> str:
    """The text with ``[PHONE]``, ``[EMAIL]``, … in place of what was found.

    Masking what was masked changes nothing.

    Args:
        text: any text.
        kinds: what to look for.
    """
    shapes = [shape for shape in _SHAPES if shape.kind in kinds]
    candidates = _any_of(frozenset(kinds))
    pieces, end, position = [], 0, 0
    while candidate := candidates.search(text, position):
        start = candidate.start()
        position = start + 1
        for shape in shapes:
            match = shape.pattern.match(text, start)
            if match and shape.check(match[0]):
                pieces += [text[end:start], _MARKS[shape.kind]]
                end = position = match.end()
                break
    return "".join([*pieces, text[end:]])


@cache
def _any_of(kinds: frozenset[Kind]) -> re.Pattern[str]:
    shapes = [f"(?:{shape.pattern.pattern})" for shape in _SHAPES if shape.kind in kinds]
    # Of no shapes: nothing is found, rather than everything.
    return re.compile(_START + f"(?:{'|'.join(shapes) or '(?!)'})")


def is_card(text: str) -> bool:
    """Whether digits (and separators) have an issuer's prefix, its length and a valid Luhn digit."""
    digits = "".join(filter(str.isdigit, text))
    prefix, length = int(digits[:4]), len(digits)
    issued = (
        (prefix // 1000 == 4 and length in (13, 16, 19))  # Visa
        or ((5100 <= prefix <= 5599 or 2221 <= prefix <= 2720) and length == 16)  # Mastercard
        or (prefix // 100 in (34, 37) and length == 15)  # American Express
        or ((prefix == 6011 or prefix // 100 == 65 or 6440 <= prefix <= 6499) and length == 16)  # Discover
        or (prefix // 100 == 62 and 16 <= length <= 19)  # UnionPay
        or (3528 <= prefix <= 3589 and length == 16)  # JCB
        or (prefix // 100 in (30, 36, 38) and length == 14)  # Diners Club
    )
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return issued and (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def is_chinese_id(text: str) -> bool:
    """Whether 18 characters hold a date from 1900 on and end in their MOD 11-2 check character."""
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    total = sum(int(digit) * pow(2, 17 - place, 11) for place, digit in enumerate(text[:17]))
    return born.year >= 1900 and "10X98765432"[total % 11] == text[17].upper()


@dataclass(frozen=True)
class _Shape:
    kind: Kind
    pattern: re.Pattern[str]
    check: Callable[[str], bool] = bool


def _number(*alternatives: str) -> re.Pattern[str]:
    # A number is not cut out of a decimal, a date or a longer number.
    return re.compile(rf"{_NO_DECIMAL}(?:{'|'.join(alternatives)})(?!\d|[.-](?:\d|{_ANY_MARK}))")


_URL = r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*[A-Za-z0-9_~/#@$&+=%-]"  # the full stop after it is the sentence's
_EMAIL = r"[A-Za-z0-9][A-Za-z0-9_.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9_])"
_INTERNATIONAL = r"\(?(?:\+|00)[1-9](?:[ .()/-]{0,2}\d){7,14}"
_CHINESE_MOBILE = r"(?:86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}"
_NORTH_AMERICAN = r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}"
# A trunk zero, then ten to twelve digits in all, by the length of the area code.
_TRUNK = (
    r"0[1-9]\d{8,9}",
    r"\(?0[1-9]\d(?:\) ?|[ -])(?:\d{7,8}|\d{3}[ -]\d{4}|\d{4}[ -]\d{3,4})",
    r"\(?0[1-9]\d\d(?:\) ?|[ -])(?:\d{6,8}|\d{3,4}[ -]\d{3,4}|\d{3}(?:[ -]\d\d){2})",
    r"\(?0[1-9]\d{3}(?:\) ?|[ -])(?:\d{5,7}|\d{3}[ -]\d{3,4})",
    r"0[1-9](?: \d\d){4}|0[1-9](?:\.\d\d){4}|0[1-9](?:-\d\d){4}",
)

_SHAPES = (
    _Shape("url", re.compile(rf"(?:[Hh][Tt][Tt][Pp][Ss]?://|[Ff][Tt][Pp]://|[Ww][Ww][Ww]\.){_URL}")),
    _Shape("email", re.compile(_EMAIL)),
    _Shape("id", re.compile(_NO_DECIMAL + r"[1-8]\d{16}[\dXx](?![A-Za-z\d])"), is_chinese_id),
    _Shape("card", _number(r"\d{13,19}"), is_card),
    # The longer first: the shorter may be its beginning.
    _Shape("card", _number(r"\d{4}(?:[ -]\d{4}){3}[ -]\d{3}"), is_card),
    _Shape("card", _number(r"\d{4}(?:[ -]\d{4}){3}"), is_card),
    _Shape("card", _number(r"\d{4}[ -]\d{6}[ -]\d{4,5}"), is_card),
    _Shape("phone", _number(_INTERNATIONAL, _CHINESE_MOBILE, _NORTH_AMERICAN, *_TRUNK)),
)
