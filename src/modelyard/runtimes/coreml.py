"""The Core ML runtime: a ``model.mlpackage`` for Apple's devices. Written anywhere, run on macOS alone.

A file answers one row at a time. Knows no task by name.
"""

from __future__ import annotations

import json
import logging
import sys
import uuid
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modelyard.core.errors import InputError, MissingExtraError, ModelyardError
from modelyard.core.model import Model
from modelyard.core.runtime import Arrays
from modelyard.formats import exported_program, signature
from modelyard.formats.files import copy_companions

PACKAGE = "model.mlpackage"
_INNER = "Data/com.apple.CoreML"


class CoreMLSession:
    """An opened package, on macOS."""

    def __init__(self, model: Model) -> None:
        import coremltools

        self._signature = signature.of_model(model)
        self._network = coremltools.models.MLModel(str(model.path / PACKAGE))

    @property
    def input_names(self) -> tuple[str, ...]:
        return tuple(self._signature.inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        return self._signature.outputs

    def run(self, arrays: Arrays) -> Arrays:
        return self._signature.run(arrays, self._call)

    def _call(self, row: Sequence[np.ndarray]) -> list[np.ndarray]:
        found = self._network.predict(dict(zip(self.input_names, row, strict=True)))
        return [np.asarray(found[name]) for name in self.output_names]

    def close(self) -> None:
        self._network = None


class CoreML:
    """Writes ``model.mlpackage``; a model here can be neither trained nor converted again."""

    name = "coreml"
    abilities: frozenset[str] = frozenset()

    def open(self, model: Model, *, device: str = "cpu", threads: int | None = None) -> CoreMLSession:
        """Load the package, on macOS.

        Raises:
            InputError: another system than macOS.
        """
        if sys.platform != "darwin":
            raise InputError(
                "a Core ML model runs on Apple's systems only",
                expected="macOS",
                fix="evaluate the model before its export, and the package on a Mac",
            )
        return CoreMLSession(model)

    def build(self, model: Model, out: Path, **unknown: Any) -> Mapping[str, Any]:
        """Convert the network of ``model`` in float32 and copy its other files.

        Args:
            model: a model on the runtime torch.
            out: an empty folder.

        Returns:
            ``precision`` and the signature.

        Raises:
            InputError: the model is on another runtime, or its texts vary in length.
            ModelyardError: coremltools has no translation for one of its operators.
        """
        if unknown:
            raise TypeError(f"unknown option {next(iter(unknown))!r}")
        exported_program.refuse_converted(model)
        names = signature.of_task(model)
        _write(_convert(model, names), out / PACKAGE)
        copy_companions(model, out)
        return {"precision": "fp32", **names.to_settings()}


def _convert(model: Model, names: signature.Signature) -> Any:
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    try:
        import coremltools
    except ImportError:
        raise MissingExtraError("coremltools", "coreml") from None
    program = exported_program.export(model, names, fixed=True).run_decompositions({})
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return coremltools.convert(
                program,
                outputs=[coremltools.TensorType(name=name) for name in names.outputs],
                minimum_deployment_target=coremltools.target.iOS16,
                compute_precision=coremltools.precision.FLOAT32,
                skip_model_load=True,
            )
    except (NotImplementedError, RuntimeError, ValueError, TypeError, KeyError, AssertionError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelyardError(
            f"coremltools cannot convert the network: {first[:300]}",
            expected="operators that it knows; encoders of text it does not",
            fix="export it to executorch or litert, which run on Apple's devices too",
        ) from error
    finally:
        logging.disable(logging.NOTSET)


def _write(converted: Any, package: Path) -> None:
    """Save the package without the date and the random numbers that would make its bytes differ every time."""
    spec = converted.get_spec()
    converted.save(str(package))
    spec.description.metadata.userDefined.clear()
    (package / _INNER / "model.mlmodel").write_bytes(spec.SerializeToString(deterministic=True))
    manifest = json.loads((package / "Manifest.json").read_text(encoding="utf-8"))
    entries = {_identity(item["path"]): item for item in manifest["itemInfoEntries"].values()}
    manifest["itemInfoEntries"] = entries
    manifest["rootModelIdentifier"] = _identity("com.apple.CoreML/model.mlmodel")
    (package / "Manifest.json").write_text(json.dumps(manifest, indent=1, sort_keys=True), encoding="utf-8")
    for extra in package.glob("*.json"):
        if extra.name != "Manifest.json":
            extra.unlink()


def _identity(path: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, path)).upper()


RUNTIME = CoreML()
