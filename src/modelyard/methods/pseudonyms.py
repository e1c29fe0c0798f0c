"""What stands in for personal data so that equal data stay equal: keyed marks and surrogates of the same form.

Without the key nobody can tell what was there, nor try all phone numbers to find it out, as they could with a plain
hash. Two values may get one surrogate, and none can be turned back: this is no encryption. Secrets get no surrogate.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Callable
from datetime import date, timedelta

from modelyard.methods.check_digits import luhn, mod_11_2, mod_97_10
from modelyard.methods.entities import ENTITY_KINDS
from modelyard.methods.keyed_draws import KeyedDraws
from modelyard.methods.personal_data import Found, find
from modelyard.methods.personal_shapes import MARKS, PersonalKind

_ATTEMPTS = 200
_IDEOGRAPHS = (
    "安白宝长成春大东方飞福光海和红华佳建江金静军君开康兰乐林灵龙美"
    "明宁平琪青清荣瑞山石树思松天庭文夏祥小晓欣新星雪雅阳叶一永宇玉元月云泽志子"
)
_FIRST_BIRTH, _BIRTHS = date(1950, 1, 1), 20_000
_TWO_DIGIT_COUNTRIES = frozenset(
    {20, 27, *range(30, 35), 36, 39, 40, 41, *range(43, 50), *range(51, 59), *range(60, 67)}
    | {81, 82, 84, 86, *range(90, 96), 98}
)
"""Country codes of ITU-T E.164 with two digits; 1 and 7 have one, all others three."""
_ABROAD = re.compile(r"\(?(?:\+|00)")
"""What a number with its country begins with, as its shape says."""


def mark(key: bytes, kind: str, text: str) -> str:
    """``[EMAIL:cdkpmoaehjlnbfig]``: 64 bits of HMAC-SHA256, the same for every spelling of the same data.

    In letters a to p, so that no number is found in it.
    """
    bits = KeyedDraws(key, "mark", kind, _plain(kind, text)).bytes(8)
    return f"[{kind.upper()}:{''.join(chr(ord('a') + int(digit, 16)) for digit in bits.hex())}]"


def surrogate(key: bytes, kind: PersonalKind, text: str) -> str:
    """Other data of the same kind and form, with valid check digits; a mark where none is to be had.

    Addresses lead nowhere: e-mail and URLs to ``.example`` (RFC 2606), IPv4 to 10.0.0.0/8 (RFC 1918), IPv6 to
    2001:db8::/32 (RFC 3849). Of numbers stay separators, country code or issuer, and for an identity number the
    province. Names, places and organisations get other letters, as a column of names does.
    """
    if kind in ENTITY_KINDS:
        return similar(KeyedDraws(key, "surrogate", kind, " ".join(text.casefold().split())), text)
    make = _MAKERS.get(kind)
    if make is None:
        return MARKS[kind]
    draws = KeyedDraws(key, "surrogate", kind, _plain(kind, text))
    for _ in range(_ATTEMPTS):
        made = make(draws, key, text)
        # A passport's number is known by the word before it.
        context = "passport " if kind == "passport" else "phone: " if kind == "phone" else ""
        if find(context + made, [kind]) == [Found(kind, len(context), len(context) + len(made))]:
            return made
    return MARKS[kind]


def similar(draws: KeyedDraws, text: str, keep: int = 0) -> str:
    """Letters for letters of the same case, digits for digits, ideographs for ideographs; all else stays.

    Args:
        keep: letters and digits at the beginning that stay.
    """
    made = []
    for character in text:
        if keep and character.isalnum():
            keep -= 1
            made.append(character)
        else:
            made.append(_similar_character(draws, character))
    return "".join(made)


def _similar_character(draws: KeyedDraws, character: str) -> str:
    if character.isdigit():
        return draws.choose(string.digits)
    if "\u4e00" <= character <= "\u9fff":
        return draws.choose(_IDEOGRAPHS)
    if character.isalpha():
        return draws.choose(string.ascii_uppercase if character.isupper() else string.ascii_lowercase)
    return character


def _phone(draws: KeyedDraws, key: bytes, text: str) -> str:
    digits = "".join(filter(str.isdigit, text))
    if text.lstrip("(").startswith(("+", "00")):
        trunk = 2 if text.lstrip("(").startswith("00") else 0
        code = digits[trunk:]
        return similar(
            draws, text, trunk + (1 if code[0] in "17" else 2 if int(code[:2]) in _TWO_DIGIT_COUNTRIES else 3)
        )
    return similar(draws, text, 1)


def _email(draws: KeyedDraws, key: bytes, text: str) -> str:
    local, _, domain = text.partition("@")
    return f"{similar(draws, local)}@{_domain(key, domain)}"


def _url(draws: KeyedDraws, key: bytes, text: str) -> str:
    scheme, separator, rest = text.partition("://")
    host = (rest if separator else text).partition("/")[0]
    path = f"/{similar(draws, 'abcdefgh')}" if "/" in rest else ""
    return f"{scheme}://{_domain(key, host)}{path}" if separator else f"www.{_domain(key, host)}{path}"


def _domain(key: bytes, domain: str) -> str:
    """The same for the same domain, so that who writes from one place still does."""
    return f"{similar(KeyedDraws(key, 'domain', domain.lower()), 'abcdefgh')}.example"


def _card(draws: KeyedDraws, key: bytes, text: str) -> str:
    made = similar(draws, text, 4)
    return _with_last(made, str(luhn("".join(filter(str.isdigit, made))[:-1])))


def _identity(draws: KeyedDraws, key: bytes, text: str) -> str:
    born = _FIRST_BIRTH + timedelta(days=draws.below(_BIRTHS))
    digits = f"{text[:2]}{similar(draws, '0000')}{born:%Y%m%d}{similar(draws, '000')}"
    return digits + mod_11_2(digits)


def _ip(draws: KeyedDraws, key: bytes, text: str) -> str:
    if "." in text and ":" not in text:
        return str(ipaddress.IPv4Address(b"\x0a" + draws.bytes(3)))
    return str(ipaddress.IPv6Address(b"\x20\x01\x0d\xb8" + draws.bytes(12)))


def _iban(draws: KeyedDraws, key: bytes, text: str) -> str:
    made = similar(draws, text, 2)
    plain = made.replace(" ", "")
    check = mod_97_10(plain[:2], plain[4:])
    return made[:2] + check + made[4:]


def _passport(draws: KeyedDraws, key: bytes, text: str) -> str:
    return similar(draws, text, 1)


def _with_last(text: str, digit: str) -> str:
    place = max(index for index, character in enumerate(text) if character.isdigit())
    return text[:place] + digit + text[place + 1 :]


_MAKERS: dict[PersonalKind, Callable[[KeyedDraws, bytes, str], str]] = {
    "phone": _phone,
    "email": _email,
    "url": _url,
    "card": _card,
    "id": _identity,
    "ip": _ip,
    "iban": _iban,
    "passport": _passport,
}


def _plain(kind: str, text: str) -> str:
    """The spelling that all spellings of the same data share: without blanks and marks, in small letters.

    ``0041`` is ``+41``, and a trunk zero in brackets behind it is not dialled (ITU-T E.123). A number without its
    country stays another one: which country is meant is not in it.
    """
    if kind == "phone" and (abroad := _ABROAD.match(text)):
        return "+" + "".join(filter(str.isdigit, text[abroad.end() :].replace("(0)", "", 1)))
    kept = "".join(character for character in text.casefold() if character.isalnum() or character in "@.:/")
    return kept if any(map(str.isalpha, kept)) else "".join(filter(str.isalnum, kept)) or text
