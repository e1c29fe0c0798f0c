"""Kills processes that change a yard, at random moments, and checks what they leave behind.

Run by ``test_yard_crash.py`` in a process of its own, so that forking is safe:
``python crash_arena.py HOME SAMPLES ROUNDS SEED``. Prints ``{"kills", "published", "left"}``, or fails.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from modelyard.core.artifact import open_artifact
from modelyard.core.errors import ModelyardError
from modelyard.core.release import Release
from modelyard.yard.yard import Yard

NAMES = ("a", "b")


def change(home: Path, samples: Path, chance: random.Random, acknowledge: int) -> None:
    """Put, publish, promote, roll back and collect until killed; say so after each publication."""
    yard = Yard(home)
    pairs = sorted(samples.iterdir())
    while True:
        with suppress(ModelyardError):
            act = chance.choice(["build", "build", "promote", "rollback", "collect"])
            name = chance.choice(NAMES)
            if act == "build":
                pair = chance.choice(pairs)
                # As a build does it: a collector must not come between.
                with yard.workplace(str(chance.random())):
                    yard.put(open_artifact(pair / "model"))
                    release = yard.put(open_artifact(pair / "release"))
                    assert isinstance(release, Release)
                    version = yard.publish(release)
                os.write(acknowledge, f"{version.reference} {version.release}\n".encode())
            elif act == "promote":
                yard.promote(name, alias="production", force=True)
            elif act == "rollback":
                yard.rollback(name)
            else:
                yard.collect_garbage(older_than=timedelta(0))


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


def one_round(home: Path, samples: Path, chance: random.Random) -> dict[str, str]:
    """Two processes at work at once, killed one after the other; what they acknowledged."""
    reader, writer = os.pipe()
    children = []
    for _ in range(2):
        seed = chance.random()
        child = os.fork()
        if child == 0:
            change(home, samples, random.Random(seed), writer)
        children.append(child)
    os.close(writer)
    for child in children:
        select.select([], [], [], chance.uniform(0, 0.12))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    with os.fdopen(reader) as lines:
        return dict(line.split() for line in lines if line.endswith("\n"))


def main(home: Path, samples: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    published: dict[str, str] = {}
    left = 0
    for _ in range(rounds):
        published |= one_round(home, samples, chance)
        left += sum(1 for room in ("staging", "work") if (home / room).exists() for _ in (home / room).iterdir())
        check(home, published)
    Yard(home).collect_garbage(older_than=timedelta(0))
    check(home, published)
    assert not [*(home / "staging").iterdir(), *(home / "work").iterdir()]
    sys.stdout.write(json.dumps({"kills": 2 * rounds, "published": len(published), "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
