"""What is put is what is got, whole, read-only and checked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.core.artifact import MANIFEST
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.yard import Yard

SealModel = Callable[..., Model]


def flip_bit(file: Path, position: int) -> None:
    data = bytearray(file.read_bytes())
    data[position] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)


def test_default_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MODELYARD_HOME", raising=False)
    assert Yard.default().home == tmp_path / ".modelyard"
    assert not (tmp_path / ".modelyard").exists()
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path / "elsewhere"))
    assert Yard.default().names() == []
    assert (tmp_path / "elsewhere" / "yard.sqlite").exists()


def test_artifact_from_outside_is_copied(yard: Yard, seal_model: SealModel) -> None:
    model = seal_model()
    kept = yard.put(model)
    assert kept.path.is_relative_to(yard.home)
    model.verify()
    kept.verify()
    assert yard.get(model.digest) == kept
    assert isinstance(yard.get(model.digest), Model)


def test_artifact_from_a_workplace_is_moved(yard: Yard) -> None:
    with yard.workplace("key") as work:
        (work.out / "weights.bin").write_bytes(b"w")
        kept = yard.put(Model.write(work.out, task="t", runtime="r", base="b", parents=[]))
        assert not work.out.exists()
    kept.verify()


def test_files_are_read_only(yard: Yard, seal_model: SealModel) -> None:
    kept = yard.put(seal_model())
    modes = {path.stat().st_mode & 0o777 for path in kept.path.rglob("*") if path.is_file()}
    assert modes == {0o444}


def test_putting_again_changes_nothing(yard: Yard, seal_model: SealModel) -> None:
    first = yard.put(seal_model())
    assert yard.put(seal_model()) == first
    assert yard.put(first) == first
    assert list((yard.home / "staging").iterdir()) == []
    assert yard.verify() == []


def test_altered_artifact_is_not_taken(yard: Yard, seal_model: SealModel) -> None:
    model = seal_model()
    (model.path / "config.json").write_text('{"evil": 1}')
    with pytest.raises(IntegrityError, match=r"digest_mismatch: config\.json"):
        yard.put(model)
    assert list((yard.home / "staging").iterdir()) == []
    assert list((yard.home / "objects").iterdir()) == []


@pytest.mark.parametrize("file", ["onnx/weights.bin", "config.json", MANIFEST])
def test_flipped_bit_is_found_before_parsing_and_mended_by_a_put(
    yard: Yard, publish: Callable[..., Release], seal_model: SealModel, file: str
) -> None:
    publish(b"old")
    publish(b"new")
    old, new = yard.resolve("sms-spam:1"), yard.resolve("sms-spam:2")
    damaged = yard.model(new)
    flip_bit(damaged.path / file, 0)
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        yard.model(new)
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        yard.get(damaged.digest)
    assert [problem.where for problem in yard.verify()] == [damaged.digest]
    yard.model(old).verify()

    yard.put(seal_model(b"new"))
    assert yard.verify() == []
    assert yard.model(new) == damaged


def test_missing_and_extra_files_are_found(yard: Yard, seal_model: SealModel) -> None:
    lacking, burdened = yard.put(seal_model(b"a")), yard.put(seal_model(b"b"))
    (lacking.path / "config.json").unlink()
    (burdened.path / "onnx" / "extra.bin").write_bytes(b"x")
    assert {problem.where: problem.what for problem in yard.verify()} == {
        lacking.digest: "digest_mismatch: config.json is missing",
        burdened.digest: "digest_mismatch: onnx/extra.bin is not in the manifest",
    }


def test_prefix_of_a_digest(yard: Yard, seal_model: SealModel) -> None:
    kept = yard.put(seal_model())
    hexadecimal = kept.digest.removeprefix("sha256:")
    assert yard.get(hexadecimal[:8]) == kept
    assert yard.get(f"sha256:{hexadecimal[:20]}") == kept
    twin = kept.path.with_name(hexadecimal[:12] + "0" * 52)
    twin.mkdir()
    assert yard.get(hexadecimal) == kept
    with pytest.raises(InputError, match="not unique"):
        yard.get(hexadecimal[:12])


@pytest.mark.parametrize(
    "digest", ["", "abc", "0" * 7, "0" * 8, "0" * 64, "0" * 65, "../../etc", "*" * 8, "ABCDEF01", "\0"]
)
def test_unknown_digest(yard: Yard, seal_model: SealModel, digest: str) -> None:
    yard.put(seal_model())
    with pytest.raises(InputError):
        yard.get(digest)
