"""Check digits of numbers that people and accounts are known by: whether they hold, and what they ought to be.

Luhn (ISO/IEC 7812-1 annex B), ISO 7064 MOD 11-2 and MOD 97-10, and the 7-3-1 weights of ICAO 9303. Knows no pattern.
"""

from __future__ import annotations


def luhn(digits: str) -> int:
    """The digit that follows ``digits``, so that all together pass Luhn's test."""
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return -(doubled + sum(map(int, digits[-2::-2]))) % 10


def mod_11_2(digits: str) -> str:
    """The character after 17 digits, one of 0 to 9 and X (ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * pow(2, len(digits) - place, 11) for place, digit in enumerate(digits))
    return "10X98765432"[total % 11]


def mod_97_10(country: str, account: str) -> str:
    """The two digits between country and account of an IBAN (ISO 7064 MOD 97-10).

    Args:
        country: two capital letters.
        account: digits and capital letters.
    """
    spelled = "".join(str(int(character, 36)) for character in f"{account}{country}00")
    return f"{98 - int(spelled) % 97:02d}"


def weighted_731(characters: str) -> int:
    """The digit after a field of a passport's machine-readable zone (ICAO 9303-3, 4.9)."""
    values = (0 if character == "<" else int(character, 36) for character in characters)
    return sum(value * (7, 3, 1)[place % 3] for place, value in enumerate(values)) % 10
