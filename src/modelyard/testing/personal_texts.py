"""Texts with personal data whose place is known, Chinese and English, and with much that only looks like it.

Numbers are made with check digits of their own arithmetic, not with that of the finder. Everything is invented.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Language = Literal["zh", "en"]


@dataclass(frozen=True)
class Labelled:
    """A text and what is personal in it: kind, start and end."""

    text: str
    truth: tuple[tuple[str, int, int], ...]
    language: Language


def corpus(texts: int, seed: int) -> list[Labelled]:
    """Half of the texts are Chinese; each holds up to two personal things and up to two that are none."""
    source = random.Random(seed)
    return [_text(source, "zh" if number % 2 else "en") for number in range(texts)]


def _text(source: random.Random, language: Language) -> Labelled:
    frames, decoys, filler = _LANGUAGES[language]
    parts: list[tuple[str, str | None]] = []
    for _ in range(source.randint(0, 2)):
        kind = source.choice(sorted(frames))
        before, after = source.choice(frames[kind])
        parts += [(before, None), (source.choice(_MAKERS[kind])(source), kind), (after, None)]
    for _ in range(source.randint(0, 2)):
        before, make, after = source.choice(decoys)
        parts += [(before + make(source) + after, None)]
    parts += [(source.choice(filler), None)]
    text, truth = "", []
    for piece, found in parts:
        if found:
            truth.append((found, len(text), len(text) + len(piece)))
        text += piece
    return Labelled(text, tuple(truth), language)


def digits(source: random.Random, number: int) -> str:
    return "".join(source.choices(string.digits, k=number))


def _pattern(source: random.Random, *patterns: str) -> str:
    """``#`` stands for a digit, ``N`` for one of 2 to 9, ``A`` for a capital letter, ``x`` for a hexadecimal digit."""
    drawn = {"#": string.digits, "N": "23456789", "A": string.ascii_uppercase, "x": "0123456789abcdef"}
    return "".join(
        source.choice(drawn[character]) if character in drawn else character for character in source.choice(patterns)
    )


def chinese_id(source: random.Random, *, valid: bool = True) -> str:
    """GB 11643: the weights are written out, unlike in the finder."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    region = source.choice(("110105", "310115", "440305", "510107", "330106", "420111"))
    body = (
        f"{region}{source.randint(1950, 2010)}{source.randint(1, 12):02d}{source.randint(1, 28):02d}{digits(source, 3)}"
    )
    place = sum(weight * int(digit) for weight, digit in zip(weights, body, strict=True)) % 11
    return body + "10X98765432"[place if valid else (place + 1 + source.randrange(10)) % 11]


def card(source: random.Random, *, valid: bool = True) -> str:
    """Sixteen digits of Visa, Mastercard or UnionPay, by a table of doubled digits; spaced or not."""
    body = source.choice(("4" + digits(source, 14), "53" + digits(source, 13), "62" + digits(source, 13)))
    table = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
    total = sum(table[int(digit)] if place % 2 == 0 else int(digit) for place, digit in enumerate(body))
    last = (10 - total % 10) % 10
    number = body + str(last if valid else (last + 1 + source.randrange(9)) % 10)
    return source.choice((number, " ".join(number[place : place + 4] for place in range(0, 16, 4))))


def iban(source: random.Random, *, valid: bool = True) -> str:
    """German, British or French, compact or in fours; the remainder is taken digit by digit."""
    country, account = source.choice(
        (
            ("DE", digits(source, 18)),
            ("GB", "NWBK" + digits(source, 14)),
            ("FR", digits(source, 10) + "N" + digits(source, 12)),
        )
    )
    remainder = 0
    for character in account + country + "00":
        for digit in str(string.digits.find(character) if character in string.digits else ord(character) - 55):
            remainder = (remainder * 10 + int(digit)) % 97
    check = 98 - remainder
    number = f"{country}{check if valid else (check + 5) % 97 + 2:02d}{account}"
    return source.choice((number, " ".join(number[place : place + 4] for place in range(0, len(number), 4))))


def _word(source: random.Random, number: int) -> str:
    return "".join(source.choices(string.ascii_letters + string.digits, k=number))


def _secret(source: random.Random) -> str:
    return source.choice(
        (
            "AKIA" + _word(source, 16).upper(),
            "ghp_" + _word(source, 36),
            "sk-" + _word(source, 48),
            f"eyJ{_word(source, 20)}.eyJ{_word(source, 40)}.{_word(source, 43)}",
        )
    )


def _name(source: random.Random) -> str:
    return source.choice(("li.wei", "anna", "j.smith", "zhang_san", "maria-lopez", "bob88"))


_MAKERS: dict[str, tuple[Callable[[random.Random], str], ...]] = {
    "phone": (
        lambda source: _pattern(source, "13########", "15########", "18########") + digits(source, 1),
        lambda source: _pattern(source, "138 #### ####", "+86 139 #### ####", "010-6#######", "0755-8#######"),
        lambda source: _pattern(source, "(N##) N##-####", "+1 N##-N##-####", "N##-N##-####"),
        lambda source: _pattern(source, "+44 20 7### ####", "07### ######", "+49 30 ######", "+33 6 ## ## ## ##"),
        lambda source: _pattern(source, "+91 9#### #####", "+81 90-####-####", "+55 11 9####-####", "+61 4## ### ###"),
        lambda source: _pattern(source, "6### ####", "9### ####"),  # Hong Kong, Singapore: nothing tells them apart
    ),
    "email": (
        lambda source: f"{_name(source)}{digits(source, 2)}@{source.choice(('example.com', 'qq.com', 'mail.co.uk'))}",
    ),
    "card": (card,),
    "id": (chinese_id,),
    "ip": (
        lambda source: ".".join(
            str(source.randint(1, 223) if place == 0 else source.randint(0, 254)) for place in range(4)
        ),
        lambda source: _pattern(source, "2001:db8:xxx:1xx::xxx", "fe80::xxx:1xxx:fexx:1xxx", "2a02:8109:1xxx:1xx::1"),
    ),
    "iban": (iban,),
    "passport": (lambda source: _pattern(source, "E########", "G########", "EA#######", "C########"),),
    "secret": (_secret,),
    "url": (
        lambda source: (
            f"https://{source.choice(('example.org', 'blog.example.cn'))}/u/{_name(source)}?id={digits(source, 5)}"
        ),
    ),
}

Frames = dict[str, tuple[tuple[str, str], ...]]
Decoys = tuple[tuple[str, Callable[[random.Random], str], str], ...]

_ENGLISH: Frames = {
    "phone": (("Call me on ", ". "), ("phone: ", ", "), ("My number is ", " if needed. ")),
    "email": (("Write to ", ". "), ("(", ") ")),
    "card": (("Charged to card ", ". "), ("card no ", "; ")),
    "id": (("Resident ID ", ". "), ("ID card: ", ", ")),
    "ip": (("Login from ", ". "), ("client ", " connected. ")),
    "iban": (("Pay to IBAN ", ". "), ("account ", ", ")),
    "passport": (("Passport no. ", ". "), ("passport ", ", "), ("travel document ", ". ")),
    "secret": (("export KEY=", " "), ("the token is ", " ")),
    "url": (("See ", " "), ("profile: ", " ")),
}
_CHINESE: Frames = {
    "phone": (("请拨打", "。"), ("联系电话：", "，"), ("手机", "，")),
    "email": (("邮箱是", "。"), ("请发到", "，")),
    "card": (("银行卡号", "。"), ("卡号：", "，")),
    "id": (("身份证号码", "。"), ("身份证：", "，")),
    "ip": (("登录地址", "。"), ("来自", "，")),
    "iban": (("汇款到", "。"), ("账户", "，")),
    "passport": (("护照号码", "。"), ("护照：", "，"), ("证件", "。")),
    "secret": (("密钥", "。"), ("令牌：", "，")),
    "url": (("见 ", " "), ("主页：", " ")),
}


def _date(source: random.Random) -> str:
    return _pattern(source, "2024-1#-1#", "1#.11.2023", "11/2#/2024", "2023-0N-2# 1#:4#:2#")


_DECOYS: tuple[Callable[[random.Random], str], ...] = (
    _date,
    lambda source: chinese_id(source, valid=False),
    lambda source: card(source, valid=False),
    lambda source: iban(source, valid=False).replace(" ", ""),
    lambda source: _pattern(source, "#,###,###.00", "##.##", "3.14159265358###"),
    lambda source: _pattern(source, "ORD-########-###", "SKU A#####", "#########", "E########", "HT#######"),
    lambda source: _pattern(source, "xxxxxxxx-xxxx-4xxx-9xxx-xxxxxxxxxxxx", "commit axxxxxx"),
    lambda source: _pattern(source, "v1.##.#.#", "std::vector", "12:#0:3#", "127.0.0.1"),
    lambda source: _pattern(source, "ISBN 978-3-16-1#####-#", "page 1##-2##", "2001 2002 2003 2004"),
)
_LANGUAGES: dict[Language, tuple[Frames, Decoys, tuple[str, ...]]] = {
    "en": (
        _ENGLISH,
        tuple(("see ", make, ". ") for make in _DECOYS),
        ("Thanks a lot!", "See you soon", "The order was late again.", "Nothing else to report"),
    ),
    "zh": (
        _CHINESE,
        tuple(("编号", make, "。") for make in _DECOYS),
        ("谢谢！", "明天见", "订单又晚了。", "没有其他问题"),
    ),
}
