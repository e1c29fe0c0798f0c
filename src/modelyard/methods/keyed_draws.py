"""Numbers drawn from a key and a text: the same for both every time, and not to be foretold without the key.

HMAC-SHA256 in counter mode (the expansion of RFC 5869, HKDF, with a counter of eight bytes). Knows no purpose.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


class KeyedDraws:
    """A stream of uniform draws.

    Args:
        key: secret bytes.
        parts: what the draws are for; other parts give other draws.
    """

    def __init__(self, key: bytes, *parts: str) -> None:
        # Lengths go in too: ("ab", "c") is not ("a", "bc").
        seed = "".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")
        self._key, self._seed, self._counter, self._buffer = key, seed, 0, b""

    def bytes(self, number: int) -> bytes:
        """The next ``number`` bytes."""
        while len(self._buffer) < number:
            self._buffer += hmac.digest(self._key, self._counter.to_bytes(8, "big") + self._seed, hashlib.sha256)
            self._counter += 1
        taken, self._buffer = self._buffer[:number], self._buffer[number:]
        return taken

    def below(self, limit: int) -> int:
        """A whole number from 0 up to ``limit`` - 1, each as likely (rejection, no modulo bias)."""
        size = (limit.bit_length() + 7) // 8
        largest = 256**size - 256**size % limit
        while (number := int.from_bytes(self.bytes(size), "big")) >= largest:
            pass
        return number % limit

    def choose(self, items: Sequence[_Item]) -> _Item:
        """One of the items, each as likely."""
        return items[self.below(len(items))]
