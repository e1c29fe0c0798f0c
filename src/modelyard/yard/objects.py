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
from modelyard.yard.durable import clear, clear_failures, freeze, make_folder, move
from modelyard.yard.layout import Layout

_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")

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
            staged = artifact.path
            if self._layout.work.resolve() not in staged.resolve().parents:
                staged = self._copy(artifact)
            artifact.at(staged).verify()
            os.utime(staged)
            freeze(staged)
            make_folder(target.parent)
            try:
                move(staged, target)
            except FileExistsError:
                self._replace_damaged(target, artifact, staged)
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
        full = self._complete(digest)
        path = self.path(full)
        with clear_failures("reading an artifact", path):
            try:
                artifact = open_artifact(path, expected_digest=full)
            except InputError as error:
                raise IntegrityError(f"digest_mismatch: {error.what}", where=str(path)) from error
            if verify:
                artifact.verify()
        return artifact

    def has(self, digest: str) -> bool:
        return self.path(digest).is_dir()

    def digests(self) -> Iterator[str]:
        """Digests of all objects, in order."""
        for folder in sorted(self._layout.objects.glob("??/*")):
            yield f"sha256:{folder.name}"

    def touch(self, digest: str) -> None:
        """Say that the object is in use: the collector spares what is young."""
        os.utime(self.path(digest))

    def changed(self, digest: str) -> float:
        """When the object was put or touched, in seconds since the epoch."""
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

    def _copy(self, artifact: Artifact) -> Path:
        copy = self._fresh()
        try:
            for name in (MANIFEST, *artifact.files):
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(artifact.path / name, copy / name)
        except BaseException:
            clear(copy)
            raise
        return copy

    def _replace_damaged(self, target: Path, artifact: Artifact, staged: Path) -> None:
        """Somebody put it before. Keep theirs, unless it was damaged since: then ours mends it."""
        try:
            open_artifact(target, expected_digest=artifact.digest).verify()
            self.touch(artifact.digest)
            clear(staged)
        except (InputError, IntegrityError):
            self.discard(artifact.digest)
            move(staged, target)

    def _fresh(self) -> Path:
        return self._layout.staging / uuid.uuid4().hex
