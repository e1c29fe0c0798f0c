"""What is left of personal data when only the coarse part stays: a year, a network, a band of numbers.

Knows no table; values in, values out.
"""

from __future__ import annotations

import ipaddress
import math

from modelyard.methods.personal_shapes import MARKS, PersonalKind


def found(kind: PersonalKind, text: str) -> str:
    """The coarse part of what was found in a text.

    Of an identity number province and year of birth, of a card the last four digits, of a phone number the first
    three digits, of an e-mail address its domain, of a URL its host, of an address its network (/24, or /48 for
    IPv6), of an IBAN its country; of passports, secrets, names, places and organisations nothing.
    """
    if kind == "id":
        return f"{text[:2]}****{text[6:10]}********"
    if kind == "card":
        return _stars(text, keep_last=4)
    if kind == "phone":
        return _stars(text, keep_first=3)
    if kind == "email":
        return f"*@{text.partition('@')[2]}"
    if kind == "url":
        scheme, separator, rest = text.partition("://")
        return f"{scheme}{separator}{rest.partition('/')[0]}" if separator else text.partition("/")[0]
    if kind == "ip":
        prefix = 24 if ipaddress.ip_address(text).version == 4 else 48
        return str(ipaddress.ip_network(f"{text}/{prefix}", strict=False))
    return _stars(text, keep_first=2) if kind == "iban" else MARKS[kind]


def band(number: float, width: float) -> float:
    """The middle of the band of this width that the number falls in; bands begin at multiples of the width."""
    return (math.floor(number / width) + 0.5) * width


def beginning(text: str, keep: int) -> str:
    """The first ``keep`` characters, and a star for what is left out, however long it was."""
    return text if len(text) <= keep else f"{text[:keep]}*"


def _stars(text: str, *, keep_first: int = 0, keep_last: int = 0) -> str:
    places = [place for place, character in enumerate(text) if character.isalnum()]
    kept = {*places[:keep_first], *(places[-keep_last:] if keep_last else ())}
    return "".join(
        character if place in kept or not character.isalnum() else "*" for place, character in enumerate(text)
    )
