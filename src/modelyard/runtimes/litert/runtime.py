"""Opens LiteRT models, and builds them from models that torch runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.formats import signature
from modelyard.formats.files import copy_companions
from modelyard.runtimes.litert.session import MODEL_FILE, LiteRTSession


class LiteRT:
    """Runs ``model.tflite``; a model here can be neither trained nor converted again."""

    name = "litert"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> LiteRTSession:
        """Load the file.

        Args:
            device: ``cpu`` or ``auto``.
            threads: cores that one call may use.

        Raises:
            InputError: another device, or no file that can be loaded.
            MissingExtraError: ai-edge-litert is not installed.
        """
        if device not in ("cpu", "auto"):
            raise InputError(
                f"the device {device!r} is not there", expected="cpu: LiteRT computes on the processor here"
            )
        return LiteRTSession(model, threads)

    def build(
        self, model: Model, out: Path, *, precision: Literal["fp32", "int8"] = "fp32", **unknown: Any
    ) -> Mapping[str, Any]:
        """Convert the network of ``model`` in the environment of litert-torch and copy its other files.

        Args:
            model: a model on the runtime torch.
            out: an empty folder.
            precision: ``int8`` stores weights as int8 and quantizes activations as they come.

        Returns:
            ``precision`` and the signature.

        Raises:
            InputError: the model is on another runtime, or the environment is missing.
            ModelyardError: the conversion failed.
        """
        # Here and not above: they load torch.
        from modelyard.formats import exported_program
        from modelyard.runtimes.litert import conversion

        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        exported_program.refuse_converted(model)
        conversion.ENVIRONMENT.find_python()
        names = signature.of_task(model)
        program = exported_program.export(model, names, fixed=True)
        conversion.convert(program, out / MODEL_FILE, precision)
        copy_companions(model, out)
        return {"precision": precision, **names.to_settings()}
