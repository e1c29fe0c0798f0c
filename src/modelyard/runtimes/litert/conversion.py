"""Finds the environment of litert-torch and converts there.

The hand-over is a ``torch.export`` archive in a temporary folder, and the finished file back. Knows no session.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError, ModelyardError

VARIABLE = "MODELYARD_LITERT_PYTHON"
"""Names the Python of the environment; else it is looked for at ``PLACE`` in the cache folder."""
PLACE = "modelyard/environments/litert"
PACKAGES = ("torch==2.13.0", "litert-torch==0.10.0")
WORKER = Path(__file__).with_name("_worker.py")
LONGEST_CONVERSION = 3600
"""Seconds."""


def convert(program: Any, target: Path, precision: str) -> None:
    """Write ``program`` to ``target``.

    Args:
        program: a ``torch.export.ExportedProgram``.
        precision: ``fp32`` or ``int8``.

    Raises:
        InputError: there is no such environment; the error prints the commands that make it.
        ModelyardError: litert-torch cannot convert the program.
    """
    import torch

    python = find_python()
    with tempfile.TemporaryDirectory(prefix="modelyard-litert-") as folder:
        archive = Path(folder) / "program.pt2"
        torch.export.save(program, archive)
        # Neither our own packages nor what the user's variables add may be found there.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            [str(python), str(WORKER), str(archive), str(target), precision],
            env=environment,
            capture_output=True,
            text=True,
            timeout=LONGEST_CONVERSION,
        )
    if done.returncode or not target.is_file():
        last = [line for line in done.stderr.splitlines() if line.strip()][-1:] or ["no error was printed"]
        raise ModelyardError(
            f"litert-torch cannot convert the network: {last[0][:300]}",
            expected="operators that LiteRT has",
            fix="export it to onnxruntime or openvino",
        )


def find_python() -> Path:
    """The Python that has litert-torch.

    Raises:
        InputError: there is none, or the variable leads nowhere.
    """
    named = os.environ.get(VARIABLE)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    python = Path(named) if named else cache / PLACE / "bin" / "python"
    if python.is_file():
        return python
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    raise InputError(
        f"there is no {python}" if named else "litert-torch has no environment",
        expected="an environment of its own (2 GB), because it wants other versions of shared packages",
        fix=f"{version} -m venv {cache / PLACE} && {cache / PLACE}/bin/pip install {' '.join(PACKAGES)}",
    )
