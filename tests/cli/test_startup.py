"""The command line starts fast: ``--help`` loads no framework."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "transformers", "onnxruntime", "onnx", "pyarrow", "matplotlib", "rich", "yaml", "starlette")


def modules_after(arguments: list[str]) -> set[str]:
    script = (
        "import sys; from modelyard.cli.main import main\n"
        f"main({arguments!r})\n"
        "print('loaded:', *sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    return set(done.stderr.split("loaded:", 1)[1].split())


def test_help_loads_nothing_heavy() -> None:
    assert modules_after(["--help"]) & set(HEAVY) == set()


def test_listing_an_empty_yard_loads_no_framework(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(tmp_path))
    assert modules_after(["list"]) & {"torch", "transformers", "onnxruntime", "matplotlib"} == set()
