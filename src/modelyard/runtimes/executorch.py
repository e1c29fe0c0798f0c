"""The ExecuTorch runtime: a ``model.pte`` for phones and small devices, its arithmetic by XNNPACK.

A file answers one row at a time, and its memory is planned when it is built. It runs on this computer too, so that
what goes to a device can be compared with its source first. Knows no task by name.
"""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, MissingExtraError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats import exported_program, signature
from modelyard.formats.files import copy_companions

MODEL_FILE = "model.pte"


class Pool:
    """The threads that all programs of the process share.

    A program keeps a pointer to the pool that it was loaded with, so the pool may only be replaced while no program
    is open; else the next call ends the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open = 0

    @contextmanager
    def share(self, threads: int | None, resize: Callable[[int], None]) -> Iterator[None]:
        """Count one more program, unless opening it fails in the block."""
        with self._lock:
            if threads is not None and self._open == 0:
                resize(threads)
            yield
            self._open += 1

    def leave(self) -> None:
        with self._lock:
            self._open -= 1


_POOL = Pool()


class ExecutorchSession:
    """An opened program."""

    def __init__(self, model: Model, threads: int | None) -> None:
        _need_executorch()
        from executorch.extension.pybindings import portable_lib
        from executorch.runtime import Runtime

        self._signature = signature.of_model(model)
        path = model.path / MODEL_FILE
        if not path.is_file():
            raise InputError(f"the model has no {MODEL_FILE}", expected="a model of the runtime executorch")
        with _POOL.share(threads, portable_lib._unsafe_reset_threadpool):
            try:
                program = Runtime.get().load_program(path)
                self._method = program.load_method("forward")
            except (RuntimeError, KeyError) as error:
                raise InputError(
                    f"ExecuTorch cannot load {MODEL_FILE}", expected="a program whose operators this version knows"
                ) from error

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._signature.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._signature.outputs

    def run(self, arrays: Arrays) -> Arrays:
        return self._signature.run(arrays, self._call)

    def _call(self, row: Sequence[np.ndarray]) -> list[np.ndarray]:
        import torch

        tensors = [torch.from_numpy(np.require(array, requirements=["C", "W"])) for array in row]
        return [tensor.numpy() for tensor in self._method.execute(tensors)]

    def close(self) -> None:
        if self._method is not None:
            self._method = None
            _POOL.leave()


class Executorch:
    """Runs ``model.pte``; a model here can be neither trained nor converted again."""

    name = "executorch"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> ExecutorchSession:
        """Load the program.

        Args:
            device: ``cpu`` or ``auto``.
            threads: cores that one call may use. All ExecuTorch sessions of a process share one pool: the first
            that is open decides, and the others take what they find.

        Raises:
            InputError: another device, or no program that can be loaded.
        """
        if device not in ("cpu", "auto"):
            raise InputError(f"the device {device!r} is not there", expected="cpu: XNNPACK computes on the processor")
        return ExecutorchSession(model, threads)

    def build(self, model: Model, out: Path, **options: Any) -> Mapping[str, Any]:
        """Export the network of ``model`` with XNNPACK's kernels and copy its other files.

        Args:
            model: a model on the runtime torch.
            out: an empty folder.

        Returns:
            ``precision`` and the signature.

        Raises:
            InputError: the model is on another runtime, or an axis other than the rows has no limit.
        """
        if options:
            raise TypeError(f"unknown option {next(iter(options))!r}")
        exported_program.refuse_converted(model)
        _need_executorch()
        names = signature.of_task(model)
        with _quiet():
            from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
            from executorch.exir import to_edge_transform_and_lower

            program = exported_program.export(model, names)
            lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
            (out / MODEL_FILE).write_bytes(lowered.to_executorch().buffer)
        copy_companions(model, out)
        return {"precision": "fp32", **names.to_settings()}


def _need_executorch() -> None:
    from importlib.util import find_spec

    if find_spec("executorch") is None:
        raise MissingExtraError("executorch", "executorch")


@contextmanager
def _quiet() -> Iterator[None]:
    """It warns of kernels for other machines and of torch's future."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


RUNTIME = Executorch()
