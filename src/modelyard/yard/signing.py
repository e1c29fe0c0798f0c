"""A yard's signatures: who is trusted, what was signed, and what may be loaded.

Puts the rows and the artifacts together; :mod:`modelyard.yard.signatures` knows the rows.
"""

from __future__ import annotations

from collections.abc import Callable

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.core.signing import PublicKey, Signer, statement
from modelyard.yard import signatures
from modelyard.yard.database import Database
from modelyard.yard.keys import check_label
from modelyard.yard.registry import Version
from modelyard.yard.signatures import Signature, TrustedKey


class Signing:
    """Reached as ``yard.signing``.

    Args:
        release: of a version, hashed again.
        model: of a version, hashed again.
    """

    def __init__(
        self, database: Database, release: Callable[[Version], Release], model: Callable[[Version], Model]
    ) -> None:
        self._database, self._release, self._model = database, release, model

    def trust(self, public: PublicKey, *, label: str, actor: str | None = None) -> TrustedKey:
        """Trust what this key signs from now on.

        Raises:
            InputError: the label cannot be used.
        """
        with self._database.write() as connection:
            return signatures.trust(connection, public, label=check_label(label), actor=actor)

    def withdraw(self, number: str, *, actor: str | None = None) -> TrustedKey:
        """Trust the public key of this id no more.

        Raises:
            InputError: there is none.
        """
        with self._database.write() as connection:
            return signatures.withdraw(connection, number, actor=actor)

    def trusted(self) -> list[TrustedKey]:
        """All public keys that ever were trusted."""
        with self._database.read() as connection:
            return signatures.signers(connection)

    def sign(self, version: Version, signer: Signer, *, actor: str | None = None) -> None:
        """Sign a version, whose files are hashed again before.

        Raises:
            IntegrityError: it is not what was stored.
        """
        self._model(version)
        signature = signer.sign(self._statement(version))
        with self._database.write() as connection:
            signatures.add(connection, version.name, version.number, signer.public, signature, actor=actor)

    def signatures(self, version: Version) -> list[Signature]:
        """The signatures of a version, each checked again."""
        signed = self._statement(version)
        with self._database.read() as connection:
            return signatures.check(connection, version.name, version.number, signed)

    def require(self, required: bool, *, actor: str | None = None) -> None:
        """Say whether what is loaded for use must be signed by a key that is trusted."""
        with self._database.write() as connection:
            signatures.require(connection, required, actor=actor)

    def admit(self, version: Version, *, required: bool = False, signer: PublicKey | None = None) -> None:
        """Refuse a version that must be signed and is not. Its files are for who loads them to check.

        Args:
            required: it must be, whatever the yard says.
            signer: it must be signed with this key, whatever keys the yard trusts.

        Raises:
            InputError: no good signature.
        """
        with self._database.read() as connection:
            if not (required or signer or signatures.is_required(connection)):
                return
        found = self.signatures(version)
        if not signatures.is_signed(found, signer):
            states = ", ".join(f"{signature.public.id} ({signature.state})" for signature in found) or "none"
            raise InputError(
                f"{version.reference} has no signature that counts: {states}",
                expected=f"one of the key {signer.id}" if signer else "one of a key that this yard trusts",
                fix=f"modelyard sign {version.reference} --key FILE",
            )

    def _statement(self, version: Version) -> bytes:
        model = self._release(version).model_digest
        return statement(name=version.name, version=version.number, release=version.release, model=model)
