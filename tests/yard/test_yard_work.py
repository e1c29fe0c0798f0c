"""The step cache and the folders that work is done in, across processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest

from modelyard.core.model import Model
from modelyard.core.progress import reporting
from modelyard.yard.yard import Yard

SealModel = Callable[..., Model]

BUILD = """
import sys
from pathlib import Path
from modelyard.core.model import Model
from modelyard.yard.yard import Yard

yard, log = Yard(Path(sys.argv[1])), Path(sys.argv[2])
if yard.recall("key") is None:
    with yard.workplace("key") as work:
        if yard.recall("key") is None:
            with log.open("a") as file:
                file.write("worked\\n")
            (work.out / "weights.bin").write_bytes(b"w" * 1_000_000)
            model = yard.put(Model.write(work.out, task="t", runtime="r", base="b", parents=[]))
            yard.remember("key", "finetune full", model, 1.0)
print(yard.recall("key").digest)
"""

DIE = """
import os, signal, sys
from pathlib import Path
from modelyard.yard.yard import Yard

with Yard(Path(sys.argv[1])).workplace("key") as work:
    (work.out / "half.bin").write_bytes(b"half")
    (work.scratch / "checkpoint").write_text("epoch 1")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_recall_gives_what_was_remembered(yard: Yard, seal_model: SealModel) -> None:
    assert yard.recall("key") is None
    first, second = yard.put(seal_model(b"1")), yard.put(seal_model(b"2"))
    yard.remember("key", "finetune full", first, 2.5)
    assert yard.recall("key") == first
    assert Yard(yard.home).recall("key") == first
    assert yard.recall("other") is None
    yard.remember("key", "finetune full", second, 2.5)
    assert yard.recall("key") == second


@pytest.mark.parametrize("damage", ["manifest", "file", "folder"])
def test_recall_of_something_damaged_is_none(yard: Yard, seal_model: SealModel, damage: str) -> None:
    kept = yard.put(seal_model())
    yard.remember("key", "finetune full", kept, 1.0)
    if damage == "folder":
        kept.path.rename(yard.home / "lost")
    else:
        name = {"manifest": "manifest.json", "file": "config.json"}[damage]
        (kept.path / name).unlink()
    assert yard.recall("key") is None
    yard.put(seal_model())
    assert yard.recall("key") == kept


def test_work_folders_go_on_success_and_scratch_stays_on_failure(yard: Yard) -> None:
    def fail() -> None:
        with yard.workplace("key") as work:
            (work.scratch / "checkpoint").write_text("epoch 1")
            (work.out / "half").write_text("x")
            raise ValueError("step failed")

    with pytest.raises(ValueError, match="step failed"):
        fail()
    with yard.workplace("other") as other:
        assert list(other.scratch.iterdir()) == []
    with yard.workplace("key") as work:
        assert list(work.out.iterdir()) == []
        assert (work.scratch / "checkpoint").read_text() == "epoch 1"
    assert list((yard.home / "work").iterdir()) == []


def test_killed_work_leaves_its_scratch_and_no_lock(yard: Yard) -> None:
    killed = subprocess.run([sys.executable, "-c", DIE, str(yard.home)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with yard.workplace("key") as work:
        assert list(work.out.iterdir()) == []
        assert (work.scratch / "checkpoint").read_text() == "epoch 1"


def test_builds_at_once_do_the_work_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD, str(tmp_path / "deep" / "yard"), str(tmp_path / "log")]
    builds = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    answers = {build.communicate()[0] for build in builds}
    assert [build.returncode for build in builds] == [0] * 4
    assert len(answers) == 1
    assert (tmp_path / "log").read_text() == "worked\n"
    assert Yard(tmp_path / "deep" / "yard").verify() == []


def test_waiting_for_the_same_work_is_shown_and_ends(yard: Yard) -> None:
    waits, titles, order = Event(), [], []

    def report(title: str, done: int | None, total: int | None, values: dict[str, float]) -> None:
        titles.append(title)
        waits.set()

    def second() -> None:
        with reporting(report), yard.workplace("key"):
            order.append("second")

    thread = Thread(target=second)
    with yard.workplace("key"):
        thread.start()
        assert waits.wait(30)
        order.append("first")
    thread.join(30)
    assert order == ["first", "second"]
    assert set(titles) == {"waiting for another process"}


def test_processes_may_create_a_yard_at_once(tmp_path: Path) -> None:
    code = "from modelyard.yard.yard import Yard; print(Yard.default().names())"
    command = ["env", f"MODELYARD_HOME={tmp_path / 'a' / 'yard'}", sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert [json.loads(process.communicate()[0]) for process in processes] == [[]] * 6
