"""Converts in the environment of litert-torch.

The hand-over is a ``torch.export`` archive in a temporary folder, and the finished file back. Knows no session.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from modelyard.formats.environment import Environment

ENVIRONMENT = Environment(
    name="litert",
    package="litert-torch",
    packages=("torch==2.13.0", "litert-torch==0.10.0"),
    size="2 GB",
    variable="MODELYARD_LITERT_PYTHON",
)
WORKER = Path(__file__).with_name("_worker.py")


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

    ENVIRONMENT.find_python()
    with tempfile.TemporaryDirectory(prefix="modelyard-litert-") as folder:
        archive = Path(folder) / "program.pt2"
        torch.export.save(program, archive)
        ENVIRONMENT.run(
            WORKER,
            [str(archive), str(target), precision],
            made=target,
            fix="export it to onnxruntime or openvino",
        )
