"""Compiles the C++ of an hls4ml project for this processor and calls it."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats import signature
from modelyard.runtimes.hls4ml.project import FOLDER, NAME

COMPILER = "g++"
FLAGS = ("-std=c++11", "-O1", "-fPIC", "-shared", "-w", "-Ifirmware/ap_types")
LONGEST_COMPILATION = 600
"""Seconds."""


class Hls4mlSession:
    """A compiled C simulation."""

    def __init__(self, model: Model) -> None:
        project = model.path / FOLDER
        if f"{FOLDER}/firmware/{NAME}.cpp" not in model.files:
            raise InputError("the model has no hls4ml project", expected="a model that export hls4ml wrote")
        self._signature = signature.of_model(model)
        self._width = int(model.settings["outputs"])
        self._folder = tempfile.TemporaryDirectory(prefix="modelyard-hls4ml-")
        self._function = _compile(project, Path(self._folder.name) / "simulation.so")

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._signature.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._signature.outputs

    def run(self, arrays: Arrays) -> Arrays:
        (name,) = self._signature.inputs
        rows = np.ascontiguousarray(arrays[name], dtype=np.float32)
        answers = np.empty((len(rows), self._width), dtype=np.float32)
        for row, answer in zip(rows, answers, strict=True):
            self._function(row, answer)
        return {self._signature.outputs[0]: answers}

    def close(self) -> None:
        self._folder.cleanup()


def _compile(project: Path, library: Path) -> Any:
    """The simulation's function of two float arrays, the row and the answer.

    Raises:
        InputError: there is no compiler.
        ModelyardError: it does not compile.
    """
    compiler = shutil.which(COMPILER)
    if compiler is None:
        raise InputError(
            f"{COMPILER} is not installed",
            expected="a C++ compiler, which the C simulation of an FPGA model needs",
            fix="apt-get install g++",
        )
    weights = f'-DWEIGHTS_DIR="{project / "firmware" / "weights"}"'
    sources = [f"firmware/{NAME}.cpp", f"{NAME}_bridge.cpp"]
    command = [compiler, *FLAGS, weights, *sources, "-o", str(library)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=LONGEST_COMPILATION)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "error" in line] or ["no error was named"]
        raise ModelyardError(f"the C simulation does not compile: {lines[0]}", fix="export the model again")
    function = ctypes.CDLL(str(library))[f"{NAME}_float"]
    function.restype = None
    function.argtypes = [np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")] * 2
    return function
