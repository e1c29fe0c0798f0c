"""Environments of their own, for converters that want other versions of shared packages than modelyard does.

A worker is a script that imports nothing of modelyard; files are handed over in folders. Knows no converter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modelyard.core.errors import InputError, ModelyardError

LONGEST = 3600
"""Seconds that a conversion may take."""
REFUSED = 3
"""Exit code of a worker that will not open what it was given; its last line says why."""


@dataclass(frozen=True)
class Environment:
    """A Python with packages that modelyard does not have.

    Attributes:
        name: of its folder below ``modelyard/environments`` in the cache folder.
        package: what it is there for, as errors call it.
        packages: what pip installs there.
        size: on disk, as errors say it.
        variable: environment variable that may name the Python itself.
    """

    name: str
    package: str
    packages: tuple[str, ...]
    size: str
    variable: str

    @property
    def folder(self) -> Path:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        return cache / "modelyard" / "environments" / self.name

    def find_python(self) -> Path:
        """The Python of the environment.

        Raises:
            InputError: there is none, or the variable leads nowhere; prints the commands that make it.
        """
        named = os.environ.get(self.variable)
        python = Path(named) if named else self.folder / "bin" / "python"
        if python.is_file():
            return python
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        raise InputError(
            f"there is no {python}" if named else f"{self.package} has no environment",
            expected=f"an environment of its own ({self.size}), because it wants other versions of shared packages",
            fix=f"{version} -m venv {self.folder} && {self.folder}/bin/pip install {' '.join(self.packages)}",
        )

    def run(self, worker: Path, arguments: Sequence[str], *, made: Path, fix: str) -> None:
        """Run a script there.

        Args:
            made: the file that it must leave.
            fix: what to do where it fails.

        Raises:
            InputError: there is no such environment, or the worker refused what it was given.
            ModelyardError: it failed.
        """
        # Neither our own packages nor what the user's variables add may be found there.
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [str(self.find_python()), "-P", str(worker), *arguments],
            env=variables,
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )
        said = ([line for line in done.stderr.splitlines() if line.strip()] or ["no error was printed"])[-1][:500]
        if done.returncode == REFUSED:
            raise InputError(said, fix=fix)
        if done.returncode or not made.is_file():
            raise ModelyardError(
                f"{self.package} cannot convert the network: {said}", expected="operators that it has", fix=fix
            )
