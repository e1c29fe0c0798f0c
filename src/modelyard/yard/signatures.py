"""Which public keys are trusted, what they signed, and whether a version may be loaded.

Knows rows of the database. Signatures are checked anew each time; what the database says of them counts for nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.core.signing import PublicKey
from modelyard.yard import events

TRUSTED, WITHDRAWN, SIGNED, REQUIRED = "trust signer", "withdraw signer", "sign", "require signatures"
"""Actions in the audit log."""

_SETTING = "signatures_required"


@dataclass(frozen=True)
class TrustedKey:
    """A public key that was said to be trusted.

    Attributes:
        withdrawn: it is not any more.
    """

    id: str
    label: str
    public: PublicKey
    withdrawn: bool

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "label": self.label, "public": self.public.raw.hex(), "withdrawn": self.withdrawn}


@dataclass(frozen=True)
class Signature:
    """What was found when a signature was checked.

    Attributes:
        public: the key that signed.
        label: whose it is, empty where that is not known.
        created: when it was added to the yard; nobody signed that.
        state: ``good``, ``unknown`` (nobody said to trust the key), ``withdrawn`` (it is trusted no more), or ``bad``
            (it is over something else).
    """

    public: PublicKey
    label: str
    created: str
    state: str

    def to_json(self) -> dict[str, Any]:
        return {"signer": self.public.id, "label": self.label, "created": self.created, "state": self.state}


def trust(connection: sqlite3.Connection, public: PublicKey, *, label: str, actor: str | None) -> TrustedKey:
    """Trust a public key, also one that was withdrawn; nothing happens if it is trusted."""
    known = {signer.id: signer for signer in signers(connection)}
    if public.id not in known or known[public.id].withdrawn:
        connection.execute("INSERT OR REPLACE INTO signers VALUES (?, ?, ?, 0)", (public.id, public.raw.hex(), label))
        details = {"signer": public.id, "public": public.raw.hex(), "label": label}
        events.append(connection, actor=actor, action=TRUSTED, name="", details=details)
    return _find(connection, public.id)


def withdraw(connection: sqlite3.Connection, number: str, *, actor: str | None) -> TrustedKey:
    """Trust a public key no more; nothing happens if that was done.

    Raises:
        InputError: there is none of that id.
    """
    if not _find(connection, number).withdrawn:
        connection.execute("UPDATE signers SET withdrawn = 1 WHERE id = ?", (number,))
        events.append(connection, actor=actor, action=WITHDRAWN, name="", details={"signer": number})
    return _find(connection, number)


def _find(connection: sqlite3.Connection, number: str) -> TrustedKey:
    known = {signer.id: signer for signer in signers(connection)}
    if number not in known:
        fix = suggestion(number, known) if known else "modelyard keys trust FILE"
        raise InputError(f"no public key has the id {number!a:.40}", fix=fix)
    return known[number]


def signers(connection: sqlite3.Connection) -> list[TrustedKey]:
    """All public keys that ever were trusted."""
    return [
        TrustedKey(row["id"], row["label"], PublicKey(_bytes(row["public"])), bool(row["withdrawn"]))
        for row in connection.execute("SELECT * FROM signers ORDER BY rowid")
    ]


def add(
    connection: sqlite3.Connection, name: str, number: int, public: PublicKey, signature: bytes, *, actor: str | None
) -> None:
    """Keep a signature of a version; the same one again changes nothing."""
    row = (name, number, public.raw.hex(), signature.hex(), events.now())
    added = connection.execute("INSERT OR IGNORE INTO signatures VALUES (?, ?, ?, ?, ?)", row)
    if added.rowcount:
        details = {"version": number, "public": public.raw.hex(), "signature": signature.hex()}
        events.append(connection, actor=actor, action=SIGNED, name=name, details=details)


def check(connection: sqlite3.Connection, name: str, number: int, signed: bytes) -> list[Signature]:
    """The signatures of a version, checked against the statement that they must be over."""
    known = {signer.public: signer for signer in signers(connection)}
    rows = connection.execute("SELECT * FROM signatures WHERE name = ? AND number = ? ORDER BY rowid", (name, number))
    found = []
    for row in rows:
        public = PublicKey(_bytes(row["public"]))
        signer, state = known.get(public), "unknown"
        if not public.verify(_bytes(row["signature"]), signed):
            state = "bad"
        elif signer is not None:
            state = "withdrawn" if signer.withdrawn else "good"
        found.append(Signature(public, signer.label if signer else "", row["created"], state))
    return found


def is_signed(found: Iterable[Signature], signer: PublicKey | None) -> bool:
    """Whether a trusted key signed, or the one key that is asked for, trusted or not."""
    if signer is None:
        return any(signature.state == "good" for signature in found)
    return any(signature.public == signer and signature.state != "bad" for signature in found)


def require(connection: sqlite3.Connection, required: bool, *, actor: str | None) -> None:
    """Say whether versions must be signed to be loaded; nothing happens if it was so."""
    if required != is_required(connection):
        connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (_SETTING, "yes" if required else "no"))
        events.append(connection, actor=actor, action=REQUIRED, name="", details={"required": required})


def is_required(connection: sqlite3.Connection) -> bool:
    row = connection.execute("SELECT value FROM settings WHERE name = ?", (_SETTING,)).fetchone()
    return row is not None and row["value"] != "no"


def _bytes(text: str) -> bytes:
    """What a row holds; nothing where somebody wrote something else into it, which is then no good signature."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""
