"""``pypi:package==version/path``: files out of a package that is neither installed nor run.

pip fetches the wheel, so that its index, proxy and credentials apply. Given an sdist, pip would run the
package's build to learn its metadata; an sdist is therefore looked up in the same index by
:mod:`modelyard.sources.index` and fetched as bytes. A platform's own wheel is pinned for that platform only.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modelyard.core.artifact import hash_bytes, hash_file
from modelyard.core.cache_folder import cache_folder
from modelyard.core.errors import InputError, IntegrityError
from modelyard.core.progress import progress
from modelyard.core.source import Source
from modelyard.sources import index
from modelyard.sources.archive import extract
from modelyard.sources.cache import once
from modelyard.sources.local import digest

_FORM = "pypi:package==version/path/inside"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True)
class _Package:
    name: str
    version: str
    inside: str

    @property
    def requirement(self) -> str:
        return f"{self.name}=={self.version}"


def fetch(reference: str, pins: Mapping[str, Any]) -> Source:
    """The file or folder inside a package.

    Args:
        reference: ``pypi:package==version/path``; without a path, everything in the package.
        pins: ``{"archive": "sha256:…"}`` of the wheel or sdist, or nothing.

    Raises:
        InputError: no exact version, no such package or path, or the index cannot be reached.
        IntegrityError: the archive is another one than was pinned.
    """
    package = _parse(reference)
    folder = once(cache_folder() / "pypi" / package.requirement, partial(_download, package))
    archive = next(folder.iterdir())
    found = hash_file(archive)
    pinned = pins.get("archive", found)
    if found != pinned:
        raise IntegrityError(
            f"digest_mismatch: {archive.name} is {found}",
            expected=f"{pinned}, as pinned",
            fix=f"if the package may have changed, build again without --locked; to fetch it again, delete {folder}",
            where=reference,
        )
    # A name of its own for each path: what was taken out before never mixes with it.
    place = found.removeprefix("sha256:") + "-" + hash_bytes(package.inside.encode()).removeprefix("sha256:")[:12]
    name = package.inside.rpartition("/")[2] or package.name
    folder = once(cache_folder() / "files" / place, lambda staging: extract(archive, package.inside, staging / name))
    path = folder / name
    return Source(reference, path, digest(path), {"archive": found})


def _parse(reference: str) -> _Package:
    from packaging.utils import canonicalize_name
    from packaging.version import InvalidVersion, Version

    requirement, _, inside = reference.partition(":")[2].partition("/")
    name, exact, version = requirement.partition("==")
    if not _NAME.fullmatch(name.strip()):
        raise InputError(f"not the name of a package: {name!r}", expected=_FORM, where=reference)
    if not exact:
        raise InputError(
            f"no exact version of {name!r}",
            expected=_FORM,
            fix=f"name the version: pypi:{name}==VERSION/{inside} (pip index versions {name} lists them)",
            where=reference,
        )
    try:
        checked = Version(version)
    except InvalidVersion:
        raise InputError(
            f"not a version: {version!r}", expected="one exact version such as 1.4.2", where=reference
        ) from None
    return _Package(canonicalize_name(name.strip()), str(checked), inside.strip("/"))


def _download(package: _Package, target: Path) -> None:
    with progress(f"fetching {package.requirement}"):
        problem = _download_wheel(package, target)
        if problem:
            try:
                index.download_sdist(package.name, package.version, target)
            except InputError as error:
                what = f"{error.what} (pip, of a wheel: {problem})"
                raise InputError(what, expected="a wheel or an sdist in the index", fix=error.fix) from None


def _download_wheel(package: _Package, target: Path) -> str:
    """Have pip put the wheel into ``target``; what it said if it could not, otherwise nothing."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
        command += ["--quiet", "--progress-bar=off", "--disable-pip-version-check"]
        command += [f"--dest={folder}", "--", package.requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(folder).glob("*.whl"))
        if done.returncode == 0 and len(wheels) == 1:
            shutil.move(wheels[0], target / wheels[0].name)
            return ""
    if "No module named pip" in done.stderr:
        raise InputError("pip is not installed here", expected="pip, which fetches packages", fix="python -m ensurepip")
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return index.without_credentials(errors[-1].removeprefix("ERROR: ") if errors else "no wheel")
