"""SIGKILL at random moments, and the order in which bytes reach the disk."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.core.model import Model
from modelyard.core.release import Release

ARENA = Path(__file__).with_name("crash_arena.py")

PUBLISH = """
import sys
from pathlib import Path
from modelyard.core.artifact import open_artifact
from modelyard.yard.yard import Yard

yard = Yard(Path(sys.argv[1]))
yard.put(open_artifact(Path(sys.argv[2])))
print(yard.publish(yard.put(open_artifact(Path(sys.argv[3])))).reference, flush=True)
"""


@pytest.mark.parametrize("rounds", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_yard_is_whole(tmp_path: Path, rounds: int) -> None:
    arena = subprocess.run(
        [sys.executable, str(ARENA), str(tmp_path / "yard"), str(rounds), "7"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert arena.returncode == 0, arena.stderr
    seen = json.loads(arena.stdout)
    assert seen["published"] >= rounds / 4
    assert seen["left"] >= rounds / 2, "the kills missed the moments that matter"


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace to see the system calls")
def test_bytes_are_synced_before_the_rename_and_the_rename_before_the_commit(
    tmp_path: Path, seal_model: Callable[..., Model], seal_release: Callable[..., Release]
) -> None:
    model = seal_model(b"w" * 300_000)
    release = seal_release(model)
    home, trace = tmp_path / "yard", tmp_path / "trace"
    calls = "trace=write,pwrite64,sendfile,copy_file_range,fsync,fdatasync,rename,renameat,renameat2"
    python = [sys.executable, "-c", PUBLISH, str(home), str(model.path), str(release.path)]
    subprocess.run(["strace", "-f", "-y", "-o", str(trace), "-e", calls, *python], check=True, capture_output=True)
    lines = trace.read_text().splitlines()

    renamed_last = -1
    for artifact in (model, release):
        target = home / "objects" / artifact.digest[7:9] / artifact.digest[7:]
        [renamed] = [i for i, line in enumerate(lines) if "rename" in line and f'"{target}"' in line]
        [staged] = re.findall(r'"([^"]+)", ', lines[renamed])
        for name in ("manifest.json", *artifact.files):
            synced = _last(lines, r"fsync\(", f"{staged}/{name}>")
            assert _last(lines, r"(write|pwrite64|sendfile|copy_file_range)\(", f"{staged}/{name}>") < synced < renamed
        for folder in {str(Path(staged) / Path(name).parent) for name in artifact.files}:
            assert _last(lines, r"fsync\(", f"{folder}>") < renamed
        assert renamed < _first(lines, r"fsync\(", f"{target.parent}>", after=renamed)
        renamed_last = max(renamed_last, _first(lines, r"fsync\(", f"{target.parent}>", after=renamed))

    committed = _first(lines, r"(fsync|fdatasync)\(", "yard.sqlite-wal>", after=renamed_last)
    acknowledged = _first(lines, r"write\(1<", "sms-spam:1", after=renamed_last)
    assert renamed_last < committed < acknowledged


def _matching(lines: list[str], call: str, path: str) -> list[int]:
    return [i for i, line in enumerate(lines) if re.search(rf"\b{call}", line) and path in line]


def _last(lines: list[str], call: str, path: str) -> int:
    return _matching(lines, call, path)[-1]


def _first(lines: list[str], call: str, path: str, *, after: int) -> int:
    return next(i for i in _matching(lines, call, path) if i > after)
