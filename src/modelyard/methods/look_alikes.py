"""Letters that look like Latin ones, and characters that show nothing: what an attacker writes and a defender folds.

A choice of the pairs that most fonts draw alike, Cyrillic, Greek, Armenian and Latin letters of other shapes, after
the idea of Unicode Technical Standard 39 (confusables); it is not the standard's whole table. Knows characters only.
"""

from __future__ import annotations

LOOK_ALIKES: dict[str, str] = {
    "a": "\u0430\u0251\u03b1",
    "b": "\u0184\u042c",
    "c": "\u0441\u03f2\u1d04",
    "d": "\u0501\u0257",
    "e": "\u0435\u04bd",
    "g": "\u0261\u0581",
    "h": "\u04bb\u0570",
    "i": "\u0456\u0131\u03b9",
    "j": "\u0458\u03f3",
    "k": "\u03ba\u1d0b",
    "l": "\u04cf\u01c0",
    "n": "\u0578",
    "o": "\u043e\u03bf\u0585\u1d0f",
    "p": "\u0440\u03c1",
    "q": "\u051b\u0563",
    "r": "\u1d26",
    "s": "\u0455\ua731",
    "u": "\u057d\u1d1c\u03c5",
    "v": "\u03bd\u0475\u1d20",
    "w": "\u051d\u1d21\u0461",
    "x": "\u0445\u03c7",
    "y": "\u0443\u04af\u03b3",
    "z": "\u1d22",
    "A": "\u0410\u0391",
    "B": "\u0412\u0392",
    "C": "\u0421\u03f9",
    "E": "\u0415\u0395",
    "F": "\u03dc",
    "G": "\u050c",
    "H": "\u041d\u0397",
    "I": "\u0406\u0399\u04c0",
    "J": "\u0408\u037f",
    "K": "\u041a\u039a",
    "M": "\u041c\u039c",
    "N": "\u039d",
    "O": "\u041e\u039f\u0555",
    "P": "\u0420\u03a1",
    "Q": "\u051a",
    "S": "\u0405\u054f",
    "T": "\u0422\u03a4",
    "U": "\u054d",
    "V": "\u0474",
    "W": "\u051c",
    "X": "\u0425\u03a7",
    "Y": "\u04ae\u03a5",
    "Z": "\u0396",
}
"""Latin letter → letters drawn like it, the likest first."""

PLAIN: dict[str, str] = {other: letter for letter, others in LOOK_ALIKES.items() for other in others}
"""Look-alike → the Latin letter."""

JOINERS = "\u200c\u200d"
"""Persian and Indic words and many emoji are spelled with these."""
INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f" + "".join(
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2060, 0x2070), 0xFEFF)
)
"""Soft hyphens, zero-width spaces, marks and overrides of direction: nothing of them is seen, or they hide the rest."""
