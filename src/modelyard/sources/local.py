"""Files and folders on this disk, and the digest of either.

Knows no scheme. Entries whose name begins with a dot (``.git``, ``.DS_Store``) are not part of a folder.
"""

from __future__ import annotations

import os
from pathlib import Path

from modelyard.core.artifact import canonical_json, hash_bytes, hash_file
from modelyard.core.errors import InputError, suggestion
from modelyard.core.source import Source


def fetch(reference: str, base: Path) -> Source:
    """The file or folder at a path.

    Args:
        reference: the path as it was written; ``~`` is the home folder.
        base: folder that a relative path starts from.

    Raises:
        InputError: nothing lies there, or it is neither a file nor a folder.
    """
    if "\0" in reference or not reference.strip():
        raise InputError(f"not a path: {reference!r}", expected="the path of a file or folder")
    path = (base / Path(reference).expanduser()).resolve()
    try:
        found = path.exists()
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise InputError(f"{reference}: {error.strerror}", fix="check the path and its permissions") from None
    if not found:
        raise InputError(f"no such file or folder: {reference}", expected=f"a path below {base}", fix=_nearest(path))
    return Source(reference, path, digest(path), {})


def _nearest(path: Path) -> str:
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    if not siblings:
        return f"the folder {path.parent} is missing or empty"
    return suggestion(path.name, sorted(siblings)[:50])


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the canonical JSON of a folder's files and their digests.

    Raises:
        InputError: the folder is empty, or holds a linked folder or a special file.
    """
    if path.is_file():
        return hash_file(path)
    files = {file.relative_to(path).as_posix(): hash_file(file) for file in list_files(path)}
    if not files:
        raise InputError(f"no files in {path}", expected="a file, or a folder with files in it")
    return hash_bytes(canonical_json(files))


def list_files(folder: Path) -> list[Path]:
    """Every visible file below a folder, sorted. Links to files are files, as in a hub's cache."""
    files: list[Path] = []
    for root, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in folders:
            if (Path(root) / name).is_symlink():
                raise InputError(f"{Path(root) / name} is a link to a folder", fix="copy the folder to its place")
        for name in names:
            path = Path(root) / name
            if name.startswith("."):
                continue
            if not path.is_file():
                raise InputError(f"{path} is a broken link or a special file", expected="files", fix="remove it")
            files.append(path)
    return sorted(files)
