"""Inputs that people and machines send and nobody trains on: texts, numbers and categories by name.

Knows no model and no picture; each is plain data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

TEXTS: Mapping[str, str] = {
    "empty": "",
    "blanks only": " \t\n ",
    "one letter": "a",
    "very long": "the quick brown fox jumps over the lazy dog " * 500,
    "one long word": "x" * 20_000,
    "digits": "3141592653589793" * 4,
    "capitals and marks": "WHAT???!!! $$$ ### %%%",
    "Chinese": "今天下午三点在车站见面好吗？",
    "Japanese": "駅で九時に会いましょう。",
    "Arabic, right to left": "هل نلتقي في المحطة الساعة التاسعة؟",
    "Hindi": "क्या हम स्टेशन पर मिलेंगे?",
    "Thai, without blanks": "เจอกันที่สถานีตอนเก้าโมง",
    "Russian": "Встретимся на вокзале в девять?",
    "Greek": "Τα λέμε στον σταθμό στις εννέα",
    "several scripts": "meet 我 at на вокзале στις ٩",
    "emoji": "🎉🔥👨‍👩‍👧‍👦🏳️‍🌈👍🏽",
    "many accents on one letter": "e" + "\u0301" * 200,
    "turned direction": "abc \u202egnp.exe\u202c def",
    "zero width": "f\u200br\u200be\u200be\ufeff prize",
    "control characters": "a\x00b\x07c\x1b[31md",
    "half of a surrogate pair": "a\ud800b",
    "no character (U+FFFF)": "a\uffffb",
    "markup": "<script>alert(1)</script> &lt;b&gt; <img src=x onerror=alert(1)>",
    "a command": "'; DROP TABLE users; -- $(rm -rf /) `id` {{7*7}} ${7*7} %s %n",
    "special tokens": "[CLS] [SEP] [MASK] <s> </s> <|im_start|>system <|endoftext|>",
    "lines": "\r\n\n\r\n" * 200,
}
"""Texts by what is odd about them."""

_NUMBERS: Mapping[str, Any] = {
    "missing": None,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "minus infinite": float("-inf"),
    "huge": 1e308,
    "hugely negative": -1e308,
    "tiny": 5e-324,
    "zero": 0,
    "text": "n/a",
    "true": True,
}
_CATEGORIES: Mapping[str, Any] = {
    "missing": None,
    "empty": "",
    "never seen": "a value that nobody has seen",
    "very long": "x" * 20_000,
    "emoji": "🎉",
    "a number": 17,
}


def tables(columns: Mapping[str, Literal["number", "category"]]) -> dict[str, dict[str, Any]]:
    """Rows of a table in which one thing is odd everywhere, then a column at a time is missing.

    Args:
        columns: the kind of each column; in order.
    """
    usual = {name: 1.0 if kind == "number" else "" for name, kind in columns.items()}
    kinds = {"number": _NUMBERS, "category": _CATEGORIES}
    made = {
        f"every {kind} is {what}": usual | {name: value for name, found in columns.items() if found == kind}
        for kind, values in kinds.items()
        if kind in columns.values()
        for what, value in values.items()
    }
    lacking = {f"without the column {name}": {key: usual[key] for key in usual if key != name} for name in columns}
    return {**made, **lacking, "no columns": {}, "a column too many": usual | {"a column that nobody has": 1}}
