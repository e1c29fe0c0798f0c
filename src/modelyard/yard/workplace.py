"""A folder to work in, for one piece of work at a time.

Two builds of the same recipe meet here: the second waits until the first is done and then finds
its result. Knows no steps; the key says what the work is.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modelyard.yard import locks
from modelyard.yard.durable import clear, clear_failures
from modelyard.yard.layout import Layout


@dataclass(frozen=True)
class Workplace:
    """Where the work for one key is done.

    Attributes:
        out: empty; the result is written here and can be moved into the yard at once.
        scratch: kept when the work fails or is killed, so that the next try may resume.
    """

    out: Path
    scratch: Path


@contextmanager
def workplace(layout: Layout, key: str) -> Iterator[Workplace]:
    """Work on ``key`` alone; both folders go when the block ends without an error.

    What cannot be removed at the end is left to the next try or the collector.
    """
    folder = layout.work_folder(key)
    place = Workplace(folder / "out", folder / "scratch")
    with locks.shared(layout.yard_lock), locks.exclusive(layout.lock(f"work {key}")):
        with clear_failures("preparing a work folder", folder):
            clear(place.out)
            place.out.mkdir(parents=True)
            place.scratch.mkdir(exist_ok=True)
        try:
            yield place
        except BaseException:
            shutil.rmtree(place.out, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
