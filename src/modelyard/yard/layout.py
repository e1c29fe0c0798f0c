"""Where things lie in a yard's folder.

::

    yard.sqlite                 versions, promotions, step cache, events, keys, signatures
    objects/<2 hex>/<64 hex>/   sealed artifacts by digest, read-only
    work/<64 hex>/              one folder a piece of work: out (the result grows here) and scratch
    staging/                    copies on their way in and objects on their way out
    searches/<64 hex>/          what a search has measured so far, by the key of its question
    locks/                      lock files; ``yard`` is held shared by all that work, alone by the collector
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from modelyard.yard.durable import clear_failures, make_folder


@dataclass(frozen=True)
class Layout:
    """Paths below ``home``; all on one file system, so that a rename is all or nothing."""

    home: Path

    @property
    def database(self) -> Path:
        return self.home / "yard.sqlite"

    @property
    def objects(self) -> Path:
        return self.home / "objects"

    @property
    def work(self) -> Path:
        return self.home / "work"

    @property
    def staging(self) -> Path:
        return self.home / "staging"

    @property
    def searches(self) -> Path:
        return self.home / "searches"

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    @property
    def yard_lock(self) -> Path:
        return self.locks / "yard"

    def work_folder(self, key: str) -> Path:
        return self.work / _hexadecimal(key)

    def search_folder(self, key: str) -> Path:
        return self.searches / _hexadecimal(key)

    def lock(self, key: str) -> Path:
        return self.locks / _hexadecimal(key)

    def create(self) -> None:
        """Make what is missing; two processes may do so at once."""
        with clear_failures("creating the yard", self.home):
            for folder in (self.objects, self.work, self.staging, self.searches, self.locks):
                make_folder(folder)


def _hexadecimal(key: str) -> str:
    """A file name for any text."""
    return hashlib.sha256(key.encode()).hexdigest()
