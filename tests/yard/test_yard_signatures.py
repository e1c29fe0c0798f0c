"""Signed versions: what counts as a signature, and what somebody with the database in hand cannot do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.release import Release
from modelyard.core.signing import Signer, new_signer, statement
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard
from tests.yard.test_yard_events import raw


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return new_signer(tmp_path / "signer")


@pytest.fixture
def other(tmp_path: Path) -> Signer:
    return new_signer(tmp_path / "other")


@pytest.fixture
def version(yard: Yard, publish: Callable[..., Release], signer: Signer) -> Version:
    """The first of two versions; it is signed by a key that is trusted."""
    publish(b"1")
    publish(b"2")
    version = yard.resolve("sms-spam:1")
    yard.signing.trust(signer.public, label="release desk", actor="ann")
    yard.signing.sign(version, signer, actor="bob")
    return version


def states(yard: Yard, version: Version) -> list[str]:
    return [signature.state for signature in yard.signing.signatures(version)]


def refuse(yard: Yard, version: Version, words: str, **options: object) -> None:
    with pytest.raises(InputError, match=f"no signature that counts: .*{words}") as caught:
        yard.signing.admit(version, **options)  # type: ignore[arg-type]
    assert f"modelyard sign {version.reference}" in caught.value.fix


def test_a_signature_is_over_name_number_and_digests(yard: Yard, version: Version, signer: Signer) -> None:
    (signature,) = yard.signing.signatures(version)
    assert (signature.public, signature.label, signature.state) == (signer.public, "release desk", "good")
    with raw(yard) as connection:
        (kept,) = connection.execute("SELECT signature FROM signatures").fetchone()
    model = yard.release(version).model_digest
    signed = statement(name="sms-spam", version=1, release=version.release, model=model)
    assert signer.public.verify(bytes.fromhex(kept), signed)
    assert yard.verify() == []


def test_only_what_is_signed_is_admitted_where_that_is_asked(yard: Yard, version: Version) -> None:
    unsigned = yard.resolve("sms-spam:2")
    yard.signing.admit(unsigned)
    yard.signing.admit(version, required=True)
    refuse(yard, unsigned, "none", required=True)
    yard.signing.require(True)
    yard.signing.admit(version)
    refuse(yard, unsigned, "none")
    yard.signing.require(False)
    yard.signing.admit(unsigned)
    assert yard.verify() == []


def test_only_keys_that_are_trusted_count(yard: Yard, version: Version, signer: Signer, other: Signer) -> None:
    unsigned = yard.resolve("sms-spam:2")
    yard.signing.sign(unsigned, other)
    refuse(yard, unsigned, "unknown", required=True)
    yard.signing.trust(other.public, label="other")
    yard.signing.admit(unsigned, required=True)
    yard.signing.withdraw(signer.public.id)
    refuse(yard, version, "withdrawn", required=True)
    assert [key.withdrawn for key in yard.signing.trusted()] == [True, False]
    yard.signing.trust(signer.public, label="again")
    assert states(yard, version) == ["good"]


def test_a_key_that_is_named_counts_and_no_other(yard: Yard, version: Version, signer: Signer, other: Signer) -> None:
    yard.signing.admit(version, signer=signer.public)
    refuse(yard, version, "good", signer=other.public)
    yard.signing.sign(version, other)
    # Whatever the yard says of it.
    yard.signing.admit(version, signer=other.public)


def test_all_of_it_is_recorded_once(yard: Yard, version: Version, signer: Signer) -> None:
    yard.signing.sign(version, signer)
    yard.signing.trust(signer.public, label="release desk")
    yard.signing.require(True, actor="cid")
    yard.signing.require(True)
    yard.signing.withdraw(signer.public.id, actor="dan")
    yard.signing.withdraw(signer.public.id)
    found = [(event.action, event.actor) for event in yard.events()[2:]]
    assert found == [
        ("trust signer", "ann"),
        ("sign", "bob"),
        ("require signatures", "cid"),
        ("withdraw signer", "dan"),
    ]
    assert yard.verify() == []
    with pytest.raises(InputError, match="no public key has the id"):
        yard.signing.withdraw("0" * 16)
    with pytest.raises(InputError, match="label"):
        yard.signing.trust(signer.public, label="a\nb")


MOVED = "UPDATE signatures SET number = 2"
ANOTHER = "UPDATE versions SET release = (SELECT release FROM versions WHERE number = 2) WHERE number = 1"
BIT = "UPDATE signatures SET signature = '00' || substr(signature, 3)"
ODD = "UPDATE signatures SET signature = 'odd', public = 'odd'"


@pytest.mark.parametrize(
    ("statement", "reference"),
    [(MOVED, "sms-spam:2"), (ANOTHER, "sms-spam:1"), (BIT, "sms-spam:1"), (ODD, "sms-spam:1")],
)
def test_a_signature_is_good_for_one_version_only(yard: Yard, version: Version, statement: str, reference: str) -> None:
    with raw(yard) as connection:
        connection.execute(statement)
    version = yard.resolve(reference)
    assert states(yard, version) == ["bad"]
    refuse(yard, version, "bad", required=True)
    problems = {problem.where: problem.what for problem in yard.verify()}
    assert any(where == reference and "over something else" in what for where, what in problems.items()) or (
        # The release that was put in its place is named by both.
        statement == ANOTHER and reference in problems
    )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE signers SET withdrawn = 1",
        "DELETE FROM signers",
        "INSERT INTO signers VALUES ('f', 'ff', 'forged', 0)",
        "DELETE FROM signatures",
        "INSERT INTO settings VALUES ('signatures_required', 'no')",
    ],
)
def test_trust_that_no_event_tells_of_is_named(yard: Yard, version: Version, statement: str) -> None:
    assert yard.verify() == []
    with raw(yard) as connection:
        connection.execute(statement)
    assert [problem.what for problem in yard.verify()] == ["it is not what the audit log says was done"]


@pytest.mark.parametrize("change", ["extra", "missing", "altered"])
def test_a_file_that_was_not_signed_is_never_handed_out(yard: Yard, version: Version, change: str) -> None:
    folder = yard.model(version).path
    file = folder / "config.json"
    if change == "extra":
        (folder / "extra.py").write_text("print()")
    elif change == "missing":
        file.unlink()
    else:
        file.chmod(0o644)
        file.write_text("[]")
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        yard.model(version)


def test_what_is_damaged_is_not_signed(yard: Yard, version: Version, other: Signer) -> None:
    (yard.model(version).path / "extra").write_text("x")
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        yard.signing.sign(version, other)
    assert states(yard, version) == ["good"]
