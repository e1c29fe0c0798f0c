"""Single fields of a table encrypted: AES-256-GCM (NIST SP 800-38D), the column's name as associated data.

A field is ``enc1:KEY:…``: the key's id, then nonce (96 bits), ciphertext and tag (128 bits) in URL-safe base64. What is
encrypted is the field's JSON, so that numbers come back as numbers. Knows no table.

The nonce is the first 96 bits of HMAC-SHA256 over the field's place and its plaintext, under a key of its own: the same
data encrypted twice give the same bytes, and equal passwords in two rows do not look alike.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.secret_keys import SecretKey

PREFIX = "enc1"
_NONCE = 12


class FieldCipher:
    """Encrypts and decrypts with one key; AES gets HMAC-SHA256(key, "modelyard encrypt"), never the key itself."""

    def __init__(self, key: SecretKey) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError:
            raise MissingExtraError("cryptography", "encryption") from None
        self._id, self._nonces = key.id, key.derive("encrypt nonce")
        self._cipher = AESGCM(key.derive("encrypt"))

    def encrypt(self, value: Any, column: str, place: str) -> str:
        """The field as text.

        Args:
            value: what JSON can hold.
            column: its name; decrypting under another one fails.
            place: what no other field has (dataset, split, row).
        """
        plain = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
        head = f"{len(column)}:{column}{len(place)}:{place}".encode()
        nonce = hmac.digest(self._nonces, head + plain, hashlib.sha256)[:_NONCE]
        sealed = nonce + self._cipher.encrypt(nonce, plain, column.encode())
        return f"{PREFIX}:{self._id}:{base64.urlsafe_b64encode(sealed).decode()}"

    def decrypt(self, text: str, column: str) -> Any:
        """What was encrypted.

        Raises:
            InputError: the text is no encrypted field, was encrypted with another key, belongs to another column, or
                was altered.
        """
        from cryptography.exceptions import InvalidTag

        prefix, _, rest = text.partition(":")
        name, _, coded = rest.partition(":")
        if prefix != PREFIX or not coded:
            raise InputError("this is no encrypted field", expected=f"{PREFIX}:KEY:…, as encrypt writes it")
        if name != self._id:
            raise InputError(
                f"the field was encrypted with the key {name}, not with {self._id}", fix=f"give key: {name}"
            )
        try:
            sealed = base64.urlsafe_b64decode(coded)
            plain = self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], column.encode())
        except (InvalidTag, ValueError, binascii.Error):
            raise InputError(
                "the field does not decrypt: it was altered, or belongs to another column",
                expected=f"what encrypt wrote into the column {column!r}",
            ) from None
        return json.loads(plain.decode("utf-8", "surrogatepass"))
