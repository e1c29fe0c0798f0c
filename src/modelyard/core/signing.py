"""Signatures of releases: Ed25519 (RFC 8032) over one statement, and the files that hold its keys.

Knows no yard: which public keys are trusted is not its business. A private key lies in a file that only its owner can
read, and nowhere else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.core import key_files
from modelyard.core.artifact import canonical_json
from modelyard.core.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class PublicKey:
    """What signatures are checked with: 32 bytes."""

    raw: bytes

    @property
    def id(self) -> str:
        """The beginning of its SHA-256: what people call it by."""
        return hashlib.sha256(self.raw).hexdigest()[:16]

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether the private key's owner signed exactly this."""
        asymmetric = _ed25519()
        from cryptography.exceptions import InvalidSignature

        try:
            asymmetric.Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, data)
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_pem(self) -> bytes:
        """As other programs read it."""
        key = _ed25519().Ed25519PublicKey.from_public_bytes(self.raw)
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        pem: bytes = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return pem


class Signer:
    """A private key in memory; its representation tells nothing of it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> PublicKey:
        return PublicKey(self._key.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """64 bytes."""
        return self._key.sign(data)


def statement(*, name: str, version: int, release: str, model: str) -> bytes:
    """What is signed of a release: canonical JSON that can mean nothing else.

    Args:
        release: its digest, which covers recipe, data, reports and model.
        model: the model's digest.
    """
    kind = {"modelyard": "signed release", "format": 1}
    return canonical_json({**kind, "name": name, "version": version, "release": release, "model": model})


def new_signer(file: Path) -> Signer:
    """Make a private key in a new file that only this user can read, and its public key in ``file``.pub.

    Raises:
        InputError: either file is there already, or cannot be written.
    """
    signer = Signer(_ed25519().Ed25519PrivateKey.generate())
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = signer._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key_files.write_new(file, private, 0o600)
    key_files.write_new(file.with_name(f"{file.name}.pub"), signer.public.to_pem(), 0o644)
    return signer


def read_signer(file: Path) -> Signer:
    """The private key in a file.

    Raises:
        InputError: others can read the file too, or it holds no Ed25519 private key in PEM without a password.
    """
    asymmetric = _ed25519()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = key_files.read(file, private=True)
    try:
        key = load_pem_private_key(data, password=None)
    except (ValueError, TypeError):
        key = None
    except Exception as error:
        # What it raises for keys of kinds that this build of it lacks is no ValueError.
        raise _no_key(file, "private") from error
    if not isinstance(key, asymmetric.Ed25519PrivateKey):
        raise _no_key(file, "private")
    return Signer(key)


def read_public_key(file: Path) -> PublicKey:
    """The public key in a file.

    Raises:
        InputError: it holds no Ed25519 public key in PEM.
    """
    asymmetric = _ed25519()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = key_files.read(file, private=False)
    try:
        key = load_pem_public_key(data)
    except ValueError:
        key = None
    except Exception as error:
        raise _no_key(file, "public") from error
    if not isinstance(key, asymmetric.Ed25519PublicKey):
        raise _no_key(file, "public")
    return PublicKey(key.public_bytes_raw())


def _ed25519() -> Any:
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError:
        raise MissingExtraError("cryptography", "signing") from None
    return ed25519


def _no_key(file: Path, kind: str) -> InputError:
    return InputError(
        f"no Ed25519 {kind} key in this file",
        expected="PEM, without a password",
        fix="modelyard keys signing-new --file FILE (public key: FILE.pub)",
        where=str(file),
    )
