"""A full disk, a limit on file sizes, no file handles: a clear error, and nothing has changed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard

LIMITED = """
import resource, sys
from pathlib import Path
from modelyard.core.artifact import open_artifact
from modelyard.core.errors import InputError, ModelyardError
from modelyard.yard.yard import Yard

home, limit, low, high, *paths = sys.argv[1:]
artifacts = [open_artifact(Path(path)) for path in paths]
for value in range(int(low), int(high)):
    kind = getattr(resource, limit)
    resource.setrlimit(kind, (value, resource.getrlimit(kind)[1]))
    yard = Yard(Path(home))
    for act in (
        lambda: yard.put(artifacts[0]),
        lambda: yard.publish(artifacts[1]),
        lambda: yard.promote("sms-spam:1", force=True),
        lambda: yard.model(yard.resolve("sms-spam:1")),
    ):
        try:
            act()
            print("done")
        except InputError:
            print("refused")
        except ModelyardError as error:
            print(str(error).replace("\\n", " "))
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    mount = tmp_path / "disk"
    mount.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", mount], check=False).returncode != 0:
        pytest.skip("needs the right to mount a file system")
    yield mount
    subprocess.run(["umount", mount], check=True)


def state(yard: Yard) -> tuple[list[Version], int, list[Path]]:
    assert yard.verify() == []
    assert list((yard.home / "staging").iterdir()) == []
    return yard.versions("sms-spam"), len(yard.events()), sorted((yard.home / "objects").glob("*/*"))


def fill(file: Path) -> None:
    """Write until the disk takes no more."""
    with file.open("wb", buffering=0) as stream, suppress(OSError):
        while stream.write(b"x" * 4096):
            pass


def test_full_disk(small_disk: Path, seal_model: Callable[..., Model], seal_release: Callable[..., Release]) -> None:
    yard = Yard(small_disk / "yard")
    first = yard.put(seal_release(yard.put(seal_model(b"1"))))
    second = yard.put(seal_release(yard.put(seal_model(b"2"))))
    yard.publish(first)
    before = state(yard)

    with pytest.raises(ModelyardError, match="storing an artifact failed: No space left") as error:
        yard.put(seal_model(b"w" * 4_000_000))
    assert "free some space" in error.value.fix
    assert state(yard) == before

    filler = small_disk / "filler"
    fill(filler)
    for act in (lambda: yard.publish(second), lambda: yard.promote("sms-spam"), lambda: yard.put(seal_model(b"3"))):
        with pytest.raises(ModelyardError, match="failed") as error:
            act()
        assert not isinstance(error.value, InputError)
    filler.unlink()
    assert state(yard) == before
    assert yard.publish(second).number == 2


@pytest.mark.parametrize(("limit", "low", "high"), [("RLIMIT_NOFILE", 3, 12), ("RLIMIT_FSIZE", 4096, 4097)])
def test_limits_of_the_process(
    yard: Yard,
    publish: Callable[..., Release],
    seal_model: Callable[..., Model],
    seal_release: Callable[..., Release],
    limit: str,
    low: int,
    high: int,
) -> None:
    publish()
    release = yard.put(seal_release(yard.put(seal_model(b"2")), accuracy=0.5))
    large = seal_model(b"w" * 100_000)
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, yard.home, limit, str(low), str(high), large.path, release.path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "digest_mismatch" not in result.stdout
    assert "Traceback" not in result.stderr
    failed = [line for line in lines if line not in ("done", "refused")]
    assert failed
    assert all("fix:" in line for line in failed)
    published, promoted = ("done" in lines[position::4] for position in (1, 2))
    assert len(yard.versions("sms-spam")) == 1 + published
    assert len(yard.events()) == 1 + published + promoted
    assert yard.verify() == []
    yard.put(large).verify()


def test_a_model_of_90_mb_is_kept_and_published_well_within_two_seconds(
    yard: Yard, seal_release: Callable[..., Release]
) -> None:
    with yard.workplace("finetune") as work:
        (work.out / "model.safetensors").write_bytes(bytes(90_000_000))
        sealed = Model.write(work.out, task="t", runtime="r", base="b", parents=[])
        start = time.perf_counter()
        model = yard.put(sealed)
    yard.publish(yard.put(seal_release(model)))
    assert time.perf_counter() - start < 2
