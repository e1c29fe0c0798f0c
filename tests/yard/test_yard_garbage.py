"""The collector removes what nobody needs, and only that."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.yard import Yard

NOW = timedelta(0)
SealModel = Callable[..., Model]


def test_what_versions_descend_from_stays(
    yard: Yard, seal_model: SealModel, seal_release: Callable[..., Release]
) -> None:
    base = yard.put(seal_model(b"base"))
    tuned = yard.put(seal_model(b"tuned", parents=[base]))
    small = yard.put(seal_model(b"small", parents=[tuned]))
    release = yard.put(seal_release(small))
    stray = yard.put(seal_model(b"stray", parents=[base]))
    yard.publish(release)
    for key, artifact in {"tuned": tuned, "stray": stray}.items():
        yard.remember(key, "finetune full", artifact, 1.0)

    size = sum(path.stat().st_size for path in stray.path.rglob("*") if path.is_file())
    collected = yard.collect_garbage(older_than=NOW, actor="ann")
    assert collected.objects == (stray.digest,)
    assert collected.size_bytes == size
    assert not stray.path.exists()
    assert yard.recall("stray") is None
    assert yard.recall("tuned") == tuned
    assert yard.verify() == []
    last = yard.events()[-1]
    assert (last.action, last.actor, last.details["objects"]) == ("collect", "ann", [stray.digest])
    with pytest.raises(InputError):
        yard.get(stray.digest)
    assert yard.collect_garbage(older_than=NOW).objects == ()
    assert len(yard.events()) == 2


def test_what_is_young_stays(yard: Yard, seal_model: SealModel) -> None:
    kept = yard.put(seal_model())
    assert yard.collect_garbage(older_than=timedelta(hours=1)).objects == ()
    assert yard.get(kept.digest) == kept


def test_nothing_is_removed_while_work_is_under_way(yard: Yard, seal_model: SealModel) -> None:
    with yard.workplace("key") as work:
        kept = yard.put(seal_model())
        with pytest.raises(ModelyardError, match="under way"):
            yard.collect_garbage(older_than=NOW)
        assert work.out.exists()
    assert yard.get(kept.digest) == kept
    assert yard.collect_garbage(older_than=NOW).objects == (kept.digest,)


def test_abandoned_work_goes_when_it_is_old(yard: Yard) -> None:
    def fail() -> None:
        with yard.workplace("key") as work:
            (work.scratch / "checkpoint").write_text("epoch 1")
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011
        fail()
    assert yard.collect_garbage(older_than=timedelta(hours=1)).work_folders == 0
    assert yard.collect_garbage(older_than=NOW).work_folders == 1
    assert list((yard.home / "work").iterdir()) == []
    assert [file.name for file in (yard.home / "locks").iterdir()] == ["yard"]


def test_damage_in_what_a_version_needs_stops_the_collector(
    yard: Yard, publish: Callable[..., Release], seal_model: SealModel
) -> None:
    release = publish()
    yard.put(seal_model(b"stray"))
    manifest = yard.get(release.digest).path / "manifest.json"
    manifest.chmod(0o644)
    manifest.write_text("{}")
    with pytest.raises(ModelyardError, match="digest_mismatch"):
        yard.collect_garbage(older_than=NOW)
    assert len(list((yard.home / "objects").glob("*/*"))) == 3
