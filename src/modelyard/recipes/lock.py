"""The lock: the digest of everything from outside that a build used.

Written beside the recipe as ``NAME.lock``; with ``--locked`` a build uses the same bytes or
refuses. Knows no way to fetch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.whole_file import write_whole

FORMAT = 1


@dataclass
class Lock:
    """Reference → ``{"digest": …, pins…}``, and the digests of the loaded data and model."""

    sources: dict[str, dict[str, Any]] = field(default_factory=dict)
    artifacts: dict[str, str] = field(default_factory=dict)

    def pins(self, reference: str) -> Mapping[str, Any]:
        """What the lock says of a reference.

        Raises:
            InputError: it says nothing; the recipe has changed since.
        """
        if reference not in self.sources:
            raise InputError(
                f"the lock does not know {reference!r}", fix="build once without --locked, and review the lock"
            )
        return self.sources[reference]

    def check(self, kind: str, name: str, digest: str, expected: str | None) -> None:
        """Refuse any other digest than the locked one."""
        if digest != expected:
            raise IntegrityError(
                f"--locked: the {kind} {name!r} is {digest}",
                expected=str(expected),
                fix="find out why it changed; then build once without --locked",
            )

    def to_json(self) -> dict[str, Any]:
        return {"modelyard": FORMAT, "sources": self.sources, "artifacts": self.artifacts}


def lock_path(recipe: Path) -> Path:
    return recipe.with_suffix(".lock")


def read_lock(path: Path) -> Lock:
    """Read a lock file.

    Raises:
        InputError: it is not there, or not a lock.
    """
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        return Lock(sources=dict(body["sources"]), artifacts=dict(body["artifacts"]))
    except FileNotFoundError:
        raise InputError(f"there is no lock {path.name!r}", fix="build once without --locked") from None
    except (ValueError, KeyError, TypeError):
        raise InputError("not a lock file", fix="build once without --locked", where=str(path)) from None


def write_lock(path: Path, lock: Lock) -> None:
    """Write the lock whole or not at all; leave an equal one untouched."""
    text = json.dumps(lock.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    write_whole(path, text.encode())
