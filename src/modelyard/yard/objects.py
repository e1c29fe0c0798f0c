"""Sealed artifacts in folders named by their digest.

An object appears whole, by a rename after everything in it was synced, and disappears whole, by a
rename out of the way. Knows no versions; what may be removed is decided elsewhere.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from modelyard.core.artifact import MANIFEST, Artifact, open_artifact
from modelyard.core.errors import InputError, IntegrityError
from modelyard.yard import locks
from modelyard.yard.durable import clear, clear_failures, freeze, make_folder, move, sync
from modelyard.yard.layout import Layout

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")
_FULL = re.compile(r"sha256:[0-9a-f]{64}")

_Kind = TypeVar("_Kind", bound=Artifact)


class Objects:
    """The content-addressed store below ``layout.objects``."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    def put(self, artifact: _Kind) -> _Kind:
        """Keep an artifact, durably: one in a work folder is moved, any other is copied.

        Raises:
            IntegrityError: its files are not those of its manifest; nothing was kept.
            ModelyardError: the disk is full or fails; nothing was kept.
        """
        target = self.path(artifact.digest)
        with clear_failures("storing an artifact", target):
            if artifact.path == target:
                return artifact
            if self._layout.work.resolve() in artifact.path.resolve().parents:
                self._admit(artifact)
            else:
                copy = self._fresh()
                try:
                    _copy(artifact, copy)
                    self._admit(artifact.at(copy))
                finally:
                    clear(copy)
        return artifact.at(target)

    def get(self, digest: str, *, verify: bool) -> Artifact:
        """The artifact with this digest.

        Args:
            digest: ``sha256:…``, or a prefix of its hex digits, 8 or more, that only one has.
            verify: hash all its files again.

        Raises:
            InputError: there is none, or more than one.
            IntegrityError: its manifest or a file is not what was stored (``digest_mismatch``).
        """
        with clear_failures("reading an artifact", self._layout.objects):
            full = self._complete(digest)
            path = self.path(full)
            try:
                artifact = open_artifact(path, expected_digest=full)
            except InputError as error:
                raise IntegrityError(f"digest_mismatch: {error.what}", where=str(path)) from error
            if verify:
                artifact.verify()
        return artifact

    def has(self, digest: str) -> bool:
        """Whether an object of this full digest is there; other text, as a foreign manifest may hold, never is."""
        return _FULL.fullmatch(digest) is not None and self.path(digest).is_dir()

    def digests(self) -> Iterator[str]:
        """Digests of all objects, in order."""
        for folder in sorted(self._layout.objects.glob("??/*")):
            digest = f"sha256:{folder.name}"
            if _FULL.fullmatch(digest):
                yield digest

    def put_at(self, digest: str) -> float:
        """When the object was last put, in seconds since the epoch."""
        return self.path(digest).stat().st_mtime

    def discard(self, digest: str) -> None:
        """Remove an object: out of the way first, by one rename, then file by file."""
        path = self.path(digest)
        with clear_failures("removing an artifact", path):
            grave = self._fresh()
            move(path, grave)
            clear(grave)

    def path(self, digest: str) -> Path:
        hexadecimal = digest.removeprefix("sha256:")
        return self._layout.objects / hexadecimal[:2] / hexadecimal

    def _complete(self, digest: str) -> str:
        match = _DIGEST.fullmatch(digest)
        if not match:
            raise InputError(
                f"{digest[:100]!r} is not a digest", expected="sha256: and 64 hex digits, or 8 or more of them"
            )
        found = sorted(path.name for path in (self._layout.objects / match[1][:2]).glob(f"{match[1]}*"))
        if not found:
            raise InputError(f"no artifact {digest} in this yard", where=str(self._layout.home))
        if len(found) > 1:
            raise InputError(f"{digest} is not unique", expected=f"one of {', '.join(found)}")
        return f"sha256:{found[0]}"

    def _admit(self, staged: Artifact) -> None:
        """Move a folder of ours in. One that was put before stays, unless it was damaged since."""
        staged.verify()
        os.utime(staged.path)
        freeze(staged.path)
        target = self.path(staged.digest)
        with locks.exclusive(self._layout.lock(f"put {staged.digest}")):
            if self.has(staged.digest):
                try:
                    self.get(staged.digest, verify=True)
                    os.utime(target)
                    clear(staged.path)
                    return
                except IntegrityError:
                    self.discard(staged.digest)
            make_folder(target.parent)
            # Also when another process has just made that folder: it may not have synced it yet.
            sync(self._layout.objects)
            move(staged.path, target)

    def _fresh(self) -> Path:
        return self._layout.staging / uuid.uuid4().hex


def _copy(artifact: Artifact, folder: Path) -> None:
    for name in (MANIFEST, *artifact.files):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(artifact.path / name, folder / name)
