"""Kills processes that change a yard, at random moments, and checks what they leave behind.

Run by ``test_yard_crash.py`` in a process of its own, so that forking is safe:
``python crash_arena.py HOME ROUNDS SEED``. Prints ``{"kills", "published", "left"}``, or fails.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from modelyard.core.errors import ModelyardError
from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.registry import Version
from modelyard.yard.yard import Yard

NAMES = ("a", "b")


def change(home: Path, chance: random.Random, acknowledge: int) -> None:
    """Build, promote, roll back and collect until killed; say so after each of them."""
    yard = Yard(home)
    while True:
        done = "nothing"
        with suppress(ModelyardError):
            act = chance.choice(["build", "build", "build", "promote", "rollback", "collect", "collect"])
            name = chance.choice(NAMES)
            if act == "build":
                version = build(yard, name, chance)
                done = f"{version.reference} {version.release}" if version else "unpublished"
            elif act == "promote":
                yard.promote(name, force=True)
            elif act == "rollback":
                yard.rollback(name)
            else:
                yard.collect_garbage(older_than=timedelta(0))
        os.write(acknowledge, f"{done}\n".encode())


def build(yard: Yard, name: str, chance: random.Random) -> Version | None:
    """A new model of several files; one in three is published, the others are for the collector."""
    with yard.workplace(f"model {chance.random()}") as work:
        for part in range(8):
            (work.out / f"part-{part}.bin").write_bytes(chance.randbytes(10_000))
        model = yard.put(Model.write(work.out, task="t", runtime="r", base="b", parents=[]))
        if chance.random() < 2 / 3:
            return None
        # Inside the model's workplace, so that no collector comes between.
        with yard.workplace(f"release {chance.random()}") as proof:
            release = Release.write(
                proof.out, name=name, model=model, data=None, reports=[], recipe="", lock={}, judgements=[], measures={}
            )
            return yard.publish(yard.put(release))


def check(home: Path, published: dict[str, str]) -> None:
    """The yard verifies, holds all that was acknowledged, and its state is what its log tells."""
    yard = Yard(home)
    problems = yard.verify()
    assert problems == [], problems
    pointed: dict[str, list[int]] = {name: [] for name in NAMES}
    numbers: dict[str, list[int]] = {name: [] for name in NAMES}
    for event in yard.events():
        if event.action == "publish":
            numbers[event.name].append(event.details["version"])
        elif event.action == "promote":
            pointed[event.name].append(event.details["version"])
        elif event.action == "rollback":
            pointed[event.name].pop()
    for name in yard.names():
        versions = yard.versions(name)[::-1]
        assert [version.number for version in versions] == numbers[name] == list(range(1, len(versions) + 1))
        production = [version.number for version in versions if "production" in version.aliases]
        assert production == pointed[name][-1:]
    for reference, release in published.items():
        assert yard.resolve(reference).release == release, reference


def one_round(home: Path, chance: random.Random) -> dict[str, str]:
    """Two processes at work at once, killed one after the other; what they acknowledged."""
    children = []
    for _ in range(2):
        seed = chance.random()
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            change(home, random.Random(seed), writer)
        os.close(writer)
        children.append((child, reader))
    lines: list[str] = []
    for child, reader in children:
        lines += kill_in_mid_work(child, reader, chance)
    return dict(line.split() for line in lines if ":" in line)


def kill_in_mid_work(child: int, reader: int, chance: random.Random) -> list[str]:
    """Let the process do a few things, then kill it while it does one more; the lines that it wrote."""
    start, wanted = time.monotonic(), chance.randint(1, 3)
    with os.fdopen(reader) as stream:
        lines = [stream.readline() for _ in range(wanted)]
        each = (time.monotonic() - start) / wanted
        select.select([], [], [], chance.uniform(0, 2 * each))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return [line for line in [*lines, *stream] if line.endswith("\n")]


def main(home: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    published: dict[str, str] = {}
    left = 0
    for _ in range(rounds):
        published |= one_round(home, chance)
        left += sum(1 for room in ("staging", "work") for _ in (home / room).iterdir())
        check(home, published)
    Yard(home).collect_garbage(older_than=timedelta(0))
    check(home, published)
    assert not [*(home / "staging").iterdir(), *(home / "work").iterdir()]
    sys.stdout.write(json.dumps({"kills": 2 * rounds, "published": len(published), "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
