"""TensorFlow's SavedModel: a folder that becomes an ONNX file, in an environment of its own.

Knows neither what the network is for nor what is done with the file.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from modelyard.core.errors import InputError
from modelyard.core.progress import progress
from modelyard.core.source import Source
from modelyard.formats import onnx_file
from modelyard.formats.environment import Environment

FILE = "saved_model.pb"
ENVIRONMENT = Environment(
    name="tensorflow",
    package="tf2onnx",
    packages=("tensorflow-cpu==2.21.0", "tf2onnx==1.17.0"),
    size="1.6 GB",
    variable="MODELYARD_TENSORFLOW_PYTHON",
)
WORKER = Path(__file__).with_name("_worker.py")
OPSET = 18
"""The newest that tf2onnx writes."""


def is_saved_model(path: Path) -> bool:
    return (path / FILE).is_file()


def to_onnx(source: Source, out: Path) -> Source:
    """The source as a folder with ``model.onnx`` and the JSON files and tokenizer that lay beside the SavedModel.

    The graph is judged by its operators before TensorFlow opens it: none may read or write files or run Python.

    Args:
        out: an empty folder.

    Raises:
        InputError: there is no environment with TensorFlow (the error prints the commands that make it), an operator
            is refused, or there is no one signature to serve.
        ModelyardError: tf2onnx cannot convert it.
    """
    made = out / onnx_file.MODEL_FILE
    try:
        with progress("converting a SavedModel by tf2onnx"):
            ENVIRONMENT.run(
                WORKER,
                [str(source.path), str(made), str(OPSET)],
                made=made,
                fix="export the network to ONNX where it was made, and load that file",
            )
    except InputError as error:
        raise InputError(error.what, expected=error.expected, fix=error.fix, where=source.reference) from None
    for file in source.path.glob("*.json"):
        shutil.copyfile(file, out / file.name)
    return replace(source, path=out)
