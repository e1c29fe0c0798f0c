"""Transforms that travel with the model, so that training and serving see the same rows and give the same answers.

Those of rows are done before the task encodes them, those of answers to the task's predictions.

A transform is pure data (its name, its options, and a folder of files where those would be too large for JSON); the
file of that name in the room ``transforms`` turns it into a function on rows.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from modelyard.core.artifact import digest_folder
from modelyard.core.errors import InputError

FOLDER = "transforms"
"""Folder of an artifact with the files of its transforms, each in a folder named by its digest."""

Row = Mapping[str, Any]
"""One example: role → value, such as ``{"text": "hello"}``."""


class Transform(Protocol):
    """Rows (or predictions) in, as many out, in the same order; nothing remembered between calls."""

    def apply(self, rows: Sequence[Row]) -> list[Row]: ...


@runtime_checkable
class TableTransform(Protocol):
    """A transform of the role ``features`` that says how raw rows differ from what the model was fitted to."""

    fills: frozenset[str]
    """Columns in which a raw row may have a gap."""
    adds: tuple[str, ...]
    """Columns that a raw row does not have."""

    def apply(self, rows: Sequence[Row]) -> list[Row]: ...


@dataclass(frozen=True)
class TransformFiles:
    """What a transform needs beside its options, such as weights: equal where the bytes are, wherever they lie."""

    digest: str
    folder: Path = field(compare=False)

    @staticmethod
    def of(folder: Path) -> TransformFiles:
        return TransformFiles(digest_folder(folder), folder)

    @staticmethod
    def inside(artifact: Path, digest: str) -> TransformFiles:
        """Those that an artifact holds.

        Raises:
            InputError: not a digest.
        """
        name = digest.removeprefix("sha256:")
        if not name.isalnum():
            raise InputError(f"not the digest of a transform's files: {digest!r}", where=str(artifact))
        return TransformFiles(digest, artifact / FOLDER / name)


@dataclass(frozen=True)
class TransformSpec:
    """A transform by name with the options (and fitted values) it was made with, and its files where it has some."""

    name: str
    options: Mapping[str, Any]
    files: TransformFiles | None = None

    def to_json(self) -> dict[str, Any]:
        held = {"files": self.files.digest} if self.files else {}
        return {"name": self.name, "options": dict(self.options), **held}

    @staticmethod
    def from_json(item: Mapping[str, Any], artifact: Path) -> TransformSpec:
        """
        Args:
            artifact: the folder that holds the transform's files.
        """
        files = item.get("files")
        if isinstance(files, str):
            files = TransformFiles.inside(artifact, files)
        return TransformSpec(str(item["name"]), dict(item["options"]), files)


def write_specs(specs: Iterable[TransformSpec], out: Path) -> list[dict[str, Any]]:
    """The transforms as JSON, once ``out``, an artifact in the making, holds their files and those of no other."""
    specs = list(specs)
    wanted = {TransformFiles.inside(out, spec.files.digest).folder: spec.files.folder for spec in specs if spec.files}
    # What was copied along with other files may be a part only.
    for place in (out / FOLDER).iterdir() if (out / FOLDER).is_dir() else ():
        if place not in wanted.values():
            shutil.rmtree(place)
    for place, folder in wanted.items():
        if place != folder:
            _copy(folder, place)
    return [spec.to_json() for spec in specs]


def _copy(folder: Path, place: Path) -> None:
    # Without modes: what is stored is read-only, what is in the making is not.
    for file in folder.rglob("*"):
        if file.is_file():
            target = place / file.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def pending_transforms(model: Sequence[TransformSpec], data: Sequence[TransformSpec]) -> tuple[TransformSpec, ...]:
    """What the model expects that was not yet done to the data.

    Raises:
        InputError: the data were transformed in another way than the model expects.
    """
    if list(model[: len(data)]) != list(data):
        raise InputError(
            f"the data were transformed by {_names(data)}, the model expects {_names(model)}",
            expected="the data's transforms are the first of the model's",
            fix="put the transforming step before the one that trains the model, or give raw data",
        )
    return tuple(model[len(data) :])


def _names(specs: Sequence[TransformSpec]) -> str:
    return ", ".join(spec.name for spec in specs) or "nothing"
