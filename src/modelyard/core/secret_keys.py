"""Secret keys of 256 bits, for pseudonyms, noise and encryption; each lies in a file of its own.

A key is called by its id, a hash that tells nothing of it. Recipes, data and models hold ids only: whoever runs them
brings the file ``ID.key`` in the folder that the environment names with ``MODELYARD_KEYS``
(``~/.config/modelyard/keys`` if it names none). Knows nothing of what a key is used for.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from functools import cache
from pathlib import Path

from modelyard.core import key_files
from modelyard.core.errors import InputError

VARIABLE = "MODELYARD_KEYS"
BYTES = 32
_ID = re.compile(r"[0-9a-f]{16}")


class SecretKey:
    """A key in memory; its representation tells nothing of it."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    @property
    def id(self) -> str:
        """16 hexadecimal digits of the key's HMAC: what people, recipes and models call it by."""
        return self.derive("id")[:8].hex()

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose: HMAC-SHA256(key, "modelyard " + purpose). No two purposes share a key."""
        return hmac.digest(self._raw, f"modelyard {purpose}".encode(), hashlib.sha256)


def folder() -> Path:
    """Where the files of keys lie."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".config" / "modelyard" / "keys")


def new_secret_key() -> SecretKey:
    """Make a key, in a new file that only this user can read.

    Raises:
        InputError: the folder or the file cannot be written.
    """
    key = SecretKey(raw := secrets.token_bytes(BYTES))
    try:
        folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise InputError(f"the folder of keys cannot be made: {error.strerror}", where=str(folder())) from None
    key_files.write_new(_file(folder(), key.id), raw.hex().encode() + b"\n", 0o600)
    return key


def secret_key(name: str) -> SecretKey:
    """The key of this id.

    Raises:
        InputError: there is no such key here, others may read its file, or the file holds another one.
    """
    if not _ID.fullmatch(name):
        raise InputError(
            "this is no id of a key",
            expected="16 hexadecimal digits, as modelyard keys secret-new prints them",
            fix="give the id, never the key itself",
        )
    return _read(folder(), name)


@cache
def _read(place: Path, name: str) -> SecretKey:
    file = _file(place, name)
    if not file.exists():
        raise InputError(
            f"the secret key {name} is not here",
            expected=f"a file {file.name} in the folder that {VARIABLE} names",
            fix=f"set {VARIABLE} to the folder with the key, or make a new one: modelyard keys secret-new",
        )
    text = key_files.read(file, private=True).strip()
    key = SecretKey(bytes.fromhex(text.decode()) if re.fullmatch(rb"[0-9a-f]{64}", text) else b"")
    if key.id != name:
        raise InputError(f"{file.name} does not hold the key {name}", fix="bring the key's own file", where=str(file))
    return key


def _file(place: Path, name: str) -> Path:
    return place / f"{name}.key"
