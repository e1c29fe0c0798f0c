"""An artifact: an immutable folder with a manifest.

The manifest names the kind, every file with its SHA-256, the parents' digests and the
attributes; the digest is the SHA-256 of the manifest's canonical JSON, so it covers all of
them. Knows no yard: where artifacts are kept is not its business.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar, Self

from modelyard.core.errors import InputError, IntegrityError

MANIFEST = "manifest.json"
FORMAT = 1


def canonical_json(value: Any) -> bytes:
    """One spelling for one value: sorted keys, no spaces, UTF-8, finite numbers only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def hash_bytes(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def digest_folder(folder: Path) -> str:
    """SHA-256 of the canonical JSON of a folder's files and their digests."""
    return hash_bytes(canonical_json({name: hash_file(folder / name) for name in _list_files(folder)}))


@dataclass(frozen=True)
class Artifact:
    """A sealed folder. Make one with :meth:`seal`, read one with :func:`open_artifact`."""

    path: Path
    digest: str
    parents: tuple[str, ...]
    attributes: Mapping[str, Any]
    files: Mapping[str, str]

    kind: ClassVar[str] = ""

    @classmethod
    def seal(cls, out: Path, *, parents: Iterable[Artifact] = (), attributes: Mapping[str, Any]) -> Self:
        """Hash every file under ``out``, write the manifest and return the artifact.

        Args:
            out: the folder that holds the finished files; it must hold at least one.
            parents: what it was made from, in the order of the step's parameters.
            attributes: JSON values that describe it; they are part of the digest.
        """
        manifest = {
            "modelyard": FORMAT,
            "kind": cls.kind,
            "files": {name: hash_file(out / name) for name in _list_files(out)},
            "parents": [parent.digest for parent in parents],
            "attributes": dict(attributes),
        }
        data = canonical_json(manifest)
        pretty = json.dumps(json.loads(data), indent=1, sort_keys=True, ensure_ascii=False)
        (out / MANIFEST).write_text(pretty + "\n", encoding="utf-8")
        return cls._from_manifest(out, json.loads(data))

    @classmethod
    def _from_manifest(cls, path: Path, manifest: Mapping[str, Any]) -> Self:
        return cls(
            path=path,
            digest=hash_bytes(canonical_json(manifest)),
            parents=tuple(manifest["parents"]),
            attributes=manifest["attributes"],
            files=manifest["files"],
        )

    def at(self, path: Path) -> Self:
        """The same artifact after its folder was moved or copied to ``path``."""
        return type(self)(path, self.digest, self.parents, self.attributes, self.files)

    def verify(self) -> None:
        """Hash everything again.

        Raises:
            IntegrityError: a file is missing, extra or altered; nothing is parsed before.
        """
        found = set(_list_files(self.path))
        for name in sorted(found ^ set(self.files)):
            state = "is not in the manifest" if name in found else "is missing"
            raise IntegrityError(f"digest_mismatch: {name} {state}", where=str(self.path))
        for name, digest in self.files.items():
            if hash_file(self.path / name) != digest:
                raise IntegrityError(
                    f"digest_mismatch: {name} does not match its recorded SHA-256",
                    fix="restore the folder from a backup or build it again",
                    where=str(self.path),
                )

    @property
    def size_bytes(self) -> int:
        """Bytes of all files, manifest excluded."""
        return sum((self.path / name).stat().st_size for name in self.files)


def open_artifact(path: Path, *, expected_digest: str | None = None) -> Artifact:
    """Read the manifest in ``path`` and return the artifact as its own kind.

    Raises:
        InputError: no artifact lies there, or it is of an unknown kind or format.
        IntegrityError: the manifest does not have the digest that was expected.
    """
    manifest = _read_manifest(path)
    kinds = {kind.kind: kind for kind in _kinds()}
    if manifest["kind"] not in kinds:
        raise InputError(
            f"unknown artifact kind {manifest['kind']!r}", expected=", ".join(sorted(kinds)), where=str(path)
        )
    artifact = kinds[manifest["kind"]]._from_manifest(path, manifest)
    if expected_digest is not None and artifact.digest != expected_digest:
        raise IntegrityError("digest_mismatch: the manifest was altered", expected=expected_digest, where=str(path))
    return artifact


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError("no artifact here", expected=f"a folder with a {MANIFEST}", where=str(path)) from None
    except (ValueError, NotADirectoryError) as error:
        raise InputError(f"unreadable manifest: {error}", where=str(path)) from None
    shape = {"kind": str, "files": dict, "parents": list, "attributes": dict}
    if (
        not isinstance(manifest, dict)
        or manifest.get("modelyard") != FORMAT
        or any(not isinstance(manifest.get(key), kind) for key, kind in shape.items())
    ):
        raise InputError("not a manifest of this version", expected=f"'modelyard: {FORMAT}'", where=str(path))
    if set(manifest) != {"modelyard", *shape}:
        raise InputError("unexpected keys in the manifest", where=str(path))
    for name in manifest["files"]:
        if not _is_plain(name):
            raise InputError(f"a file name leaves the artifact: {name!r}", where=str(path))
    return manifest


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and not name.startswith("/") and ".." not in parts and "\\" not in name and "\0" not in name


def _list_files(folder: Path) -> list[str]:
    """Every file below ``folder`` as a sorted POSIX path; links are refused, they may lead anywhere."""
    names: list[str] = []
    for root, folders, files in os.walk(folder, onerror=_fail):
        for name in [*folders, *files]:
            if (Path(root) / name).is_symlink():
                raise InputError(f"an artifact holds no links: {Path(root) / name}")
        names += [(Path(root) / name).relative_to(folder).as_posix() for name in files]
    return sorted(name for name in names if name != MANIFEST)


def _fail(error: OSError) -> None:
    # Left alone, ``os.walk`` passes over a folder that it cannot read, as if it were empty.
    raise error


def _kinds() -> list[type[Artifact]]:
    # Imported here: the kinds build on this module.
    from modelyard.core.dataset import Dataset
    from modelyard.core.model import Model
    from modelyard.core.release import Release
    from modelyard.core.report import Report

    return [Dataset, Model, Release, Report]
