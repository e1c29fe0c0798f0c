"""Ed25519 signatures and the files of their keys."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.signing import PublicKey, Signer, new_signer, read_public_key, read_signer, statement

# RFC 8032, section 7.1, tests 1 to 3: secret key, public key, message, signature.
VECTORS = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
)


@pytest.mark.parametrize(("secret", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_specification(secret: str, public: str, message: str, signature: str) -> None:
    signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(secret)))
    assert signer.public.raw.hex() == public
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert PublicKey(bytes.fromhex(public)).verify(bytes.fromhex(signature), bytes.fromhex(message))
    assert secret not in repr(signer)


@given(st.binary(max_size=50), st.integers(0, 511), st.integers(0, 255))
def test_one_bit_more_or_less_is_another_signature(message: bytes, bit: int, other: int) -> None:
    signer = Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTORS[0][0])))
    signature = signer.sign(message)
    assert signer.public.verify(signature, message)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not signer.public.verify(bytes(changed), message)
    assert not signer.public.verify(signature, message + bytes([other]))
    assert not PublicKey(bytes.fromhex(VECTORS[1][1])).verify(signature, message)


@pytest.mark.parametrize("raw", [b"", b"x", b"\0" * 31, b"\xff" * 33])
def test_what_is_no_key_or_signature_verifies_nothing(raw: bytes) -> None:
    assert not PublicKey(raw).verify(bytes.fromhex(VECTORS[0][3]), b"")
    assert not PublicKey(bytes.fromhex(VECTORS[0][1])).verify(raw, b"")


def test_a_statement_is_canonical_and_names_all() -> None:
    signed = statement(name="sms", version=3, release="sha256:aa", model="sha256:bb")
    assert signed == (
        b'{"format":1,"model":"sha256:bb","modelyard":"signed release","name":"sms","release":"sha256:aa","version":3}'
    )
    assert json.loads(signed)["version"] == 3


def test_a_private_key_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "release.pem"
    signer = new_signer(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_signer(file).public == signer.public == read_public_key(tmp_path / "release.pem.pub")
    for taken in (file, tmp_path / "release.pem.pub"):
        with pytest.raises(InputError, match="never written over"):
            new_signer(taken)
    file.chmod(0o640)
    with pytest.raises(InputError, match="mode 640") as caught:
        read_signer(file)
    assert "chmod 600" in caught.value.fix


def test_openssl_accepts_what_was_signed(tmp_path: Path) -> None:
    signer = new_signer(tmp_path / "key")
    (tmp_path / "data").write_bytes(b"a statement")
    (tmp_path / "signature").write_bytes(signer.sign(b"a statement"))
    command = "openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in data -sigfile signature"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert "Signature Verified Successfully" in done.stdout, done.stderr


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new_signer(tmp_path / "key")
    for name in [name for name in sys.modules if name.startswith("cryptography")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    uses: list[Callable[[], object]] = [
        lambda: new_signer(tmp_path / "new"),
        lambda: read_signer(tmp_path / "key"),
        lambda: read_public_key(tmp_path / "key.pub"),
        lambda: PublicKey(b"x").verify(b"", b""),
        lambda: PublicKey(b"x").to_pem(),
    ]
    for use in uses:
        with pytest.raises(MissingExtraError) as caught:
            use()
        assert caught.value.fix == "pip install 'modelyard[signing]'"


def test_other_files_are_no_keys(tmp_path: Path) -> None:
    signer = new_signer(tmp_path / "good")
    pem = PrivateFormat.PKCS8
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, pem, NoEncryption())
    locked = signer._key.private_bytes(Encoding.PEM, pem, BestAvailableEncryption(b"secret"))
    bodies = {"empty": b"", "text": b"no key", "other": other, "locked": locked, "pub": signer.public.to_pem()}
    for name, body in bodies.items():
        file = tmp_path / name
        file.write_bytes(body)
        file.chmod(0o600)
        with pytest.raises(InputError, match="no Ed25519 private key"):
            read_signer(file)
    for name in ("empty", "text", "other", "good"):
        with pytest.raises(InputError, match="no Ed25519 public key"):
            read_public_key(tmp_path / name)
    for read in (read_signer, read_public_key):
        with pytest.raises(InputError, match="no key can be read"):
            read(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be written"):
        new_signer(tmp_path / "none" / "key")
