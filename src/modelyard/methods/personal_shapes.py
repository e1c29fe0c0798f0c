"""What personal data look like: a pattern for each shape, and a check where the number has one.

Phone numbers (international, North American, mainland Chinese, Indian, Brazilian, Russian, those with a trunk zero as
in most of Europe, and any that is called one), e-mail addresses, URLs, payment cards (ISO/IEC 7812: issuer and Luhn
digit), identity numbers of mainland China (GB 11643-1999: region, date, ISO 7064 MOD 11-2 character), IP addresses
(IPv4; global, local and link-local IPv6), IBANs (ISO 13616: length of the country, ISO 7064 MOD 97-10), passport
numbers that are called so or a travel document's, the machine-readable lines of passports (ICAO 9303), and secrets:
keys and tokens with the known prefixes of their issuers, JSON Web Tokens, private keys in PEM, and what is called a
token or a key.

Every pattern but that of URLs has a bounded length, and a URL is taken whole, so the time is linear in the text.
Knows no text: :mod:`modelyard.methods.personal_data` looks for them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from modelyard.methods.check_digits import luhn, mod_11_2, mod_97_10, weighted_731
from modelyard.methods.entities import ENTITY_KINDS, EntityKind
from modelyard.methods.token_shapes import TOKENS

Kind = Literal["phone", "email", "url", "card", "id", "ip", "iban", "passport", "secret"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PersonalKind = Literal[Kind, EntityKind]
MARKS: dict[PersonalKind, str] = {kind: f"[{kind.upper()}]" for kind in (*KINDS, *ENTITY_KINDS)}

# What is looked for begins a word. A mark counts as a word: masking twice changes nothing.
START = r"(?<![A-Za-z\d_])" + "".join(f"(?<!{re.escape(MARKS[kind])})" for kind in KINDS)
_ANY_MARK = "|".join(re.escape(MARKS[kind]) for kind in KINDS)
_NO_DECIMAL = r"(?<!\d[.-])" + "".join(f"(?<!{re.escape(MARKS[kind])}[.-])" for kind in KINDS)


@dataclass(frozen=True)
class Shape:
    """One way in which a kind is written.

    Attributes:
        body: the pattern of what is personal; it captures nothing.
        check: whether text of that pattern is what it seems.
        context: the pattern of words that must stand before it and stay.
    """

    kind: Kind
    body: str
    check: Callable[[str], bool] = bool
    context: str = ""


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
    return issued and luhn(digits[:-1]) == int(digits[-1])


_PROVINCES = frozenset(
    {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83}
)
"""GB/T 2260: the first two digits of a region."""


def is_chinese_id(text: str) -> bool:
    """Whether 18 characters hold a region, a date from 1900 on, and end in their MOD 11-2 check character."""
    try:
        born = date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return born.year >= 1900 and int(text[:2]) in _PROVINCES and mod_11_2(text[:17]) == text[17].upper()


def is_iban(text: str) -> bool:
    """Whether the two digits behind the country are those of the account."""
    plain = text.replace(" ", "")
    return plain[2:4] == mod_97_10(plain[:2], plain[4:])


def is_personal_ip(text: str) -> bool:
    """Whether an address can be somebody's: not this machine's own, nobody's, or everybody's."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if address.version == 4:
        return not (address.is_loopback or address.is_unspecified or address.is_multicast or str(address)[:4] == "255.")
    # Words of code such as abc::def can be read as addresses, but not as any that is handed out.
    return address.is_link_local or address in _GLOBAL or address in _LOCAL


_GLOBAL, _LOCAL = ipaddress.ip_network("2000::/3"), ipaddress.ip_network("fc00::/7")


def is_passport_line(text: str) -> bool:
    """Whether the second line of a passport's machine-readable zone has its check digits (ICAO 9303-4)."""
    fields = ((text[:9], text[9]), (text[13:19], text[19]), (text[21:27], text[27]))
    whole = text[:10] + text[13:20] + text[21:43]
    return all(weighted_731(field) == int(digit) for field, digit in fields) and weighted_731(whole) == int(text[43])


def _is_no_date(text: str) -> bool:
    return not re.match(r"(?:19|20)\d\d[ -]?[01]\d[ -]?[0-3]\d(?!\d)", text)


def _is_random(text: str) -> bool:
    """Whether letters and digits stand in what is called a key: no word, no placeholder."""
    return len(set(text)) >= 8 and any(map(str.isdigit, text)) and any(map(str.isalpha, text))


def _number(*alternatives: str) -> str:
    # A number is not cut out of a decimal, a date or a longer number.
    return rf"{_NO_DECIMAL}(?:{'|'.join(alternatives)})(?!\d|[.-](?:\d|{_ANY_MARK}))"


_URL = r"[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*[A-Za-z0-9_~/#@$&+=%-]"  # the full stop after it is the sentence's
_EMAIL = r"[A-Za-z0-9][A-Za-z0-9_.%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![A-Za-z0-9_])"
_BYTE = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_IPV6 = (
    r"[0-9A-Fa-f]{1,4}:[0-9A-Fa-f:]{1,36}[0-9A-Fa-f](?:\.\d{1,3}){0,3}(?![A-Za-z0-9_]|:[0-9A-Fa-f:]|\.\d)"  # as written
)

_INTERNATIONAL = r"\(?(?:\+|00)[1-9](?:[ .()/-]{0,2}\d){7,14}"
_CHINESE = (r"(?:86[ -]?)?1[3-9]\d[ -]?\d{4}[ -]?\d{4}", r"[48]00[ -]\d{3,4}[ -]\d{3,4}")
_NORTH_AMERICAN = r"(?:1[ .-])?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-])[2-9]\d\d[ .-]\d{4}"
_INDIAN = r"[6-9]\d{4} \d{5}"
_BRAZILIAN = r"(?:\([1-9]\d\) ?|[1-9]\d )9\d{4}-\d{4}"
_RUSSIAN = r"8[ -]?\(?[3489]\d\d\)?[ -]\d{3}[ -]\d\d[ -]?\d\d"
# A trunk zero, then ten to twelve digits in all, by the length of the area code.
_TRUNK = (
    r"0[1-9]\d{8,9}",
    r"\(?0[1-9]\d(?:\) ?|[ -])(?:\d{7,8}|\d{3}[ -]\d{4}|\d{4}[ -]\d{3,4})",
    r"\(?0[1-9]\d\d(?:\) ?|[ -])(?:\d{6,8}|\d{3,4}[ -]\d{3,4}|\d{3}(?:[ -]\d\d){2})",
    r"\(?0[1-9]\d{3}(?:\) ?|[ -])(?:\d{5,7}|\d{3}[ -]\d{3,4})",
    r"0[1-9](?: \d\d){4}|0[1-9](?:\.\d\d){4}|0[1-9](?:-\d\d){4}",
)
_PHONE_WORD = (
    r"(?:(?i:(?:telephone|phone|mobile|tel|cell|fax|whatsapp)(?: (?:no|number|nr))?\.?(?: is)?"
    r"|call(?: me| us)? (?:on|at))[ :：]{1,3}"
    r"|(?:电话|手机|座机|传真|联系方式|拨打)(?:号码|号)?(?:是|为)?[ :：]{0,3})"
)

_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK FI FO GL NL SD",
    19: "MK SI",
    20: "AT BA EE KZ LT LU XK",
    21: "CH HR LI LV",
    22: "BG BH CR DE GB GE IE ME RS VA",
    23: "AE GI IL IQ OM TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG",
    25: "LY PT ST",
    26: "IS TR",
    27: "FR GR IT MC MR SM",
    28: "AL AZ BY CY DO GT HU LB PL",
    29: "BR EG PS QA UA",
    30: "JO KW MU",
    31: "MT SC",
    32: "LC",
}
"""Characters of an IBAN → countries (ISO 13616 registry)."""

_PASSPORT = r"(?:[A-Z]{1,2}\d{6,8}|\d{9})"
_PASSPORT_WORD = (
    r"(?:(?i:passport|passeport|pasaporte|passaporte|passaporto|reisepass|paspoort|travel (?:document|permit))"
    r"(?i: (?:number|no|num|nr|n°|nº))?\.?|(?:护照|旅行证|通行证|证件)(?:号码|号)?)(?: is|是|为)?[ #:：]{0,3}"
)
_SECRET_WORD = (
    r"(?:(?i:api[_ -]?key|access[_ -]?key|secret[_ -]?key|client[_ -]?secret|auth[_ -]?token|access[_ -]?token|token)"
    r"|密钥|令牌)[\"']?(?: is |是|为| ?[:=：]) ?[\"']?|(?i:bearer) "
)
_PEM = r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY-----[A-Za-z0-9+/=\s:,.-]{0,4000}?-----END [A-Z ]{0,24}PRIVATE KEY-----"

SHAPES = (
    Shape("secret", _PEM),
    Shape("secret", rf"(?:{'|'.join(TOKENS.values())})(?![A-Za-z0-9])"),
    Shape("secret", r"[A-Za-z0-9_/+=.-]{15,199}[A-Za-z0-9_/+=-](?![A-Za-z0-9])", _is_random, _SECRET_WORD),
    Shape("url", rf"(?:[Hh][Tt][Tt][Pp][Ss]?://|[Ff][Tt][Pp]://|[Ww][Ww][Ww]\.){_URL}"),
    Shape("email", _EMAIL),
    Shape("passport", r"P[A-Z<][A-Z]{3}(?=[A-Z<]{0,37}<<)[A-Z<]{39}(?![A-Z<])"),
    Shape("passport", r"[A-Z0-9<]{9}\d[A-Z<]{3}\d{7}[MFX<]\d{7}[A-Z0-9<]{14}\d\d", is_passport_line),
    Shape("passport", rf"{_PASSPORT}(?![A-Za-z\d])", bool, _PASSPORT_WORD),
    Shape("passport", rf"{_PASSPORT}(?= ?[(（](?i:passport|travel document|护照|证件))"),
    Shape(
        "iban",
        "(?:"
        + "|".join(
            rf"(?:{'|'.join(countries.split())})\d\d(?: ?[A-Z0-9]){{{length - 4}}}"
            for length, countries in _LENGTHS.items()
        )
        + r")(?![A-Za-z0-9])",
        is_iban,
    ),
    Shape("id", _NO_DECIMAL + r"[1-8]\d{16}[\dXx](?![A-Za-z\d])", is_chinese_id),
    Shape("card", _number(r"\d{13,19}"), is_card),
    # The longer first: the shorter may be its beginning.
    Shape("card", _number(r"\d{4}(?:[ -]\d{4}){3}[ -]\d{3}"), is_card),
    Shape("card", _number(r"\d{4}(?:[ -]\d{4}){3}"), is_card),
    Shape("card", _number(r"\d{4}[ -]\d{6}[ -]\d{4,5}"), is_card),
    Shape("ip", _number(rf"{_BYTE}(?:\.{_BYTE}){{3}}"), is_personal_ip),
    Shape("ip", _IPV6, is_personal_ip),
    Shape("phone", _number(_INTERNATIONAL, *_CHINESE, _NORTH_AMERICAN, _INDIAN, _BRAZILIAN, _RUSSIAN, *_TRUNK)),
    # Those longer than twelve digits first, or the rest of them would stay.
    Shape("phone", _number(_INTERNATIONAL, *_CHINESE, r"\d(?:[ -]?\d){6,11}"), _is_no_date, _PHONE_WORD),
)
"""In the order in which they are tried at one place."""
