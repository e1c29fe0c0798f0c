"""Weights: safetensors and GGUF by their headers, Keras HDF5 by its configuration, SavedModels by their operators."""

from __future__ import annotations

import json
from collections.abc import Iterator

from modelyard.core.errors import InputError
from modelyard.formats.audit import documents, templates
from modelyard.formats.audit.finding import Blob, Finding, Severity
from modelyard.methods import gguf_header, safetensors_header

HDF5 = b"\x89HDF\r\n\x1a\n"
_OPERATORS = ("PyFunc", "PyFuncStateless", "EagerPyFunc", "ReadFile", "WriteFile", "MatchingFiles", "ImmutableConst")
"""TensorFlow's operators that run Python or reach files."""


def inspect_safetensors(blob: Blob) -> Iterator[Finding]:
    with blob.open() as stream:
        try:
            safetensors_header.check(stream, blob.size)
        except InputError as error:
            yield _unsound(blob, error)


def inspect_gguf(blob: Blob) -> Iterator[Finding]:
    with blob.open() as stream:
        try:
            gguf_header.check(stream, blob.size)
        except InputError as error:
            yield _unsound(blob, error)
            return
        stream.seek(0)
        texts = gguf_header.texts(stream, blob.size, "tokenizer.chat_template")
    for key, template in texts.items():
        yield from templates.inspect(blob, template, key)


def _unsound(blob: Blob, error: InputError) -> Finding:
    return blob.finding(
        Severity.HIGH, error.what, expected=error.expected or "a header that describes the file", fix=error.fix
    )


def inspect_hdf5(blob: Blob) -> Iterator[Finding]:
    """A Keras model keeps its layers as JSON in an attribute; weights may be pointers to other files."""
    try:
        import h5py
    except ImportError:
        yield blob.finding(
            Severity.MEDIUM,
            "an HDF5 file that was not looked into: h5py is not installed",
            expected="the optional dependencies of 'keras'",
            fix="pip install 'modelyard[keras]', and scan again",
        )
        return
    from modelyard.formats.keras_file import refuse_pointers

    try:
        with blob.open() as stream, h5py.File(stream, "r") as store:
            config = store.attrs.get("model_config")
            try:
                refuse_pointers(store)
            except InputError as error:
                yield blob.finding(
                    Severity.HIGH,
                    error.what,
                    expected="weights inside the file",
                    fix="save the model again where it was made",
                )
            if config is None:
                return
            text = config.decode("utf-8", "replace") if isinstance(config, bytes) else str(config)
            yield from documents.inspect_value(blob, json.loads(text))
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, RecursionError) as error:
        yield blob.finding(
            Severity.HIGH,
            f"an HDF5 file that cannot be read: {type(error).__name__}",
            expected="a whole file",
            fix="fetch it again; do not use it if that does not help",
        )


def inspect_saved_model(blob: Blob) -> Iterator[Finding]:
    """TensorFlow's graph: a node writes its operator's name as field 2 of a protobuf message."""
    data = blob.read()
    for name in _OPERATORS:
        if b"\x12" + bytes([len(name)]) + name.encode() in data:
            yield blob.finding(
                Severity.CRITICAL,
                f"the graph has the operator {name}",
                expected="operators that compute",
                fix="do not load it; export the network anew without that operator",
            )
    if b'"class_name": "Lambda"' in data or b'"class_name":"Lambda"' in data:
        yield documents.lambda_layer(blob)
