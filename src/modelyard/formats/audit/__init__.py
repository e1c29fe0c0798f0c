"""Audits a model's folder or file without running, importing or unpacking anything of it.

The kind of a file is told by its content, its name only where content tells nothing. One file of this room a kind.
Knows what can hide code or leave the folder; whether a model answers well is another question.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelyard.core.artifact import MANIFEST
from modelyard.core.errors import InputError
from modelyard.formats.audit import archives, documents, graphs, pickles, terms, weights
from modelyard.formats.audit.finding import Blob, Finding, Severity
from modelyard.methods import gguf_header

__all__ = ["Audit", "Finding", "Severity", "audit"]

_PROGRAMS = {
    b"\x7fELF": "a program or library for Linux",
    b"MZ": "a program or library for Windows",
    b"\xcf\xfa\xed\xfe": "a program or library for macOS",
    b"\xca\xfe\xba\xbe": "a program for macOS or Java",
    b"#!": "a script",
    b"\0asm": "a WebAssembly program",
}
_PROGRAM_SUFFIXES = (".exe", ".dll", ".so", ".dylib", ".bat", ".cmd", ".ps1", ".sh", ".jar", ".class", ".scr", ".vbs")
_WINDOWS = re.compile(rb"MZ.{58}", re.DOTALL)


@dataclass(frozen=True)
class Audit:
    """What was found.

    Attributes:
        findings: the worst first.
        licences: licence by the file that states it.
        files: how many were looked at, members of archives not counted.
    """

    findings: tuple[Finding, ...]
    licences: Mapping[str, str]
    files: int

    @property
    def severity(self) -> int:
        """The worst finding's, from 1 (low) to 4 (critical); 0 where nothing was found."""
        return max((int(finding.severity) for finding in self.findings), default=0)

    def to_json(self) -> dict[str, Any]:
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "severity": Severity(self.severity).word if self.severity else "none",
            "licences": dict(self.licences),
            "files": self.files,
        }


def audit(path: Path, licences: Mapping[str, str] | None = None) -> Audit:
    """Look at every file below a path, hidden ones too.

    Args:
        path: a folder or a file.
        licences: licence of the ``release`` and of what it was made from (``base``, ``data``, …), where known.

    Raises:
        InputError: nothing lies there, or a folder cannot be read.
    """
    if not os.path.lexists(path):
        raise InputError(f"no such file or folder: {path}", expected="the path of a model's folder or file")
    found: list[Finding] = []
    stated = {}
    entries = [path] if not path.is_dir() or path.is_symlink() else list(_entries(path))
    for entry in entries:
        name = entry.relative_to(path).as_posix() if entry != path else entry.name
        odd = _odd_entry(entry, name, path)
        found += odd
        if any(finding.severity >= Severity.HIGH for finding in odd) or not entry.is_file():
            continue
        blob = Blob(name, entry.stat().st_size, lambda entry=entry: entry.open("rb"))  # type: ignore[misc]
        found += _inspect(blob, entry.parent)
        if licence := terms.stated(blob):
            stated[name] = licence
    found += terms.judge(stated, licences or {})
    ordered = sorted(found, key=lambda finding: (-finding.severity, finding.file, finding.what))
    return Audit(tuple(ordered), stated, len(entries))


def _entries(folder: Path) -> Iterator[Path]:
    """Files and links below a folder, sorted; linked folders are not entered."""
    for root, folders, names in os.walk(folder, onerror=_fail):
        folders.sort()
        links = [name for name in folders if (Path(root) / name).is_symlink()]
        for name in sorted([*names, *links]):
            if not (Path(root) == folder and name == MANIFEST):
                yield Path(root) / name


def _fail(error: OSError) -> None:
    raise InputError(f"{error.filename} cannot be read: {error.strerror}", fix="scan as a user who may read it")


def _odd_entry(entry: Path, name: str, top: Path) -> list[Finding]:
    """What is wrong with an entry of the file system, its content aside."""
    status = entry.lstat()
    if stat.S_ISLNK(status.st_mode):
        target = entry.resolve()
        inside = target.is_relative_to(top.resolve()) and target.exists()
        severity = Severity.LOW if inside else Severity.HIGH
        where = "inside" if inside else "outside of, or nowhere in,"
        what, fix = f"a link to {os.readlink(entry)!r:.120}, {where} the folder", "put the file itself there"
        return [Finding(severity, name, what, "files, no links", fix)]
    if not stat.S_ISREG(status.st_mode):
        return [Finding(Severity.HIGH, name, "neither a file nor a folder", "files", "remove it")]
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        what = "runs with the rights of its owner (setuid)"
        return [Finding(Severity.HIGH, name, what, "a file without that right", f"chmod 644 {name}")]
    return []


def _inspect(blob: Blob, folder: Path | None = None) -> Iterator[Finding]:
    """Judge one file by its kind.

    Args:
        blob: the file, or a member of an archive.
        folder: where the file lies; None for a member.
    """
    start = blob.start
    program = next((kind for magic, kind in _PROGRAMS.items() if start.startswith(magic)), "")
    if program == _PROGRAMS[b"MZ"] and not _WINDOWS.match(start):
        program = ""
    if program or blob.suffix in _PROGRAM_SUFFIXES:
        yield blob.finding(
            Severity.HIGH,
            program or f"a program by its name ({blob.suffix})",
            expected="weights, configuration and tokenizer",
            fix="remove it; a model needs no program",
        )
    if archives.is_archive(blob):
        yield from archives.inspect(blob, _inspect)
    elif start.startswith(weights.HDF5):
        yield from weights.inspect_hdf5(blob)
    elif start.startswith(pickles.NUMPY):
        yield from pickles.inspect_numpy(blob)
    elif start.startswith(gguf_header.MAGIC):
        yield from weights.inspect_gguf(blob)
    elif blob.suffix == ".onnx":
        yield from graphs.inspect(blob, lambda name: folder is not None and _is_plain_file(folder / name))
    elif blob.base in ("saved_model.pb", "keras_metadata.pb"):
        yield from weights.inspect_saved_model(blob)
    else:
        found = list(pickles.inspect(blob))
        yield from found
        if blob.suffix == ".safetensors" and not found:
            yield from weights.inspect_safetensors(blob)
        elif b"\0" not in start:
            yield from documents.inspect(blob)


def _is_plain_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()
