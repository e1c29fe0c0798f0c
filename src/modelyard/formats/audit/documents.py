"""Texts beside the weights: configurations that bring code, Python files, secrets, chat templates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from modelyard.formats.audit import templates
from modelyard.formats.audit.finding import LONGEST_TEXT, Blob, Finding, Severity
from modelyard.methods import secrets

_KERAS = frozenset({"keras", "tf_keras", "keras_hub", "keras_nlp", "keras_cv", "builtins", "tensorflow"})
_MODULES = ("sentence_transformers.", "transformers.")
_REMOTE = {
    "auto_map": "names classes in Python files of its own (auto_map)",
    "custom_pipelines": "names a pipeline in a Python file of its own (custom_pipelines)",
}
_CODE = (".py", ".pyc", ".pyx", ".ipynb")


def inspect(blob: Blob) -> Iterator[Finding]:
    """Judge a file that is text.

    Args:
        blob: a file of no binary kind.
    """
    data = blob.read(LONGEST_TEXT)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return
    for found in secrets.find(text):
        yield blob.finding(
            Severity.HIGH,
            f"line {found.line}: {found.kind} ({found.shown})",
            expected="no secrets beside a model",
            fix="revoke it where it was issued, then remove it from the file",
        )
    if blob.suffix in _CODE:
        yield blob.finding(
            Severity.MEDIUM,
            "program code beside the weights",
            expected="weights, configuration and tokenizer",
            fix="remove it; modelyard never runs code that came with a model",
        )
    elif blob.suffix in (".jinja", ".jinja2"):
        yield from templates.inspect(blob, text, blob.base)
    elif blob.suffix == ".json":
        yield from _json(blob, text)


def _json(blob: Blob, text: str) -> Iterator[Finding]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        yield blob.finding(
            Severity.MEDIUM,
            f"JSON that cannot be read: {type(error).__name__}: {error}"[:160],
            expected="JSON, at a depth that a configuration has",
            fix="fetch it again",
        )
        return
    yield from inspect_value(blob, value)


def inspect_value(blob: Blob, value: Any) -> Iterator[Finding]:
    """Judge a configuration as data; a tokenizer's vocabulary is passed over quickly."""
    if blob.base == "modules.json" and isinstance(value, list):
        yield from _modules(blob, value)
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, list):
            waiting += [child for child in item if isinstance(child, dict | list)]
        elif isinstance(item, dict):
            yield from _mapping(blob, item)
            waiting += [child for child in item.values() if isinstance(child, dict | list)]


def _mapping(blob: Blob, item: dict[str, Any]) -> Iterator[Finding]:
    for key, what in _REMOTE.items():
        if item.get(key):
            yield _remote(blob, what)
    if item.get("trust_remote_code") is True:
        yield _remote(blob, "asks for trust_remote_code")
    for place, template in _templates(item):
        yield from templates.inspect(blob, template, place)
    if isinstance(item.get("class_name"), str):
        yield from _keras(blob, item)


def _remote(blob: Blob, what: str) -> Finding:
    return blob.finding(
        Severity.HIGH,
        f"the configuration {what}",
        expected="an architecture that the library knows by itself",
        fix="use a model without custom code; modelyard never runs it",
    )


def _templates(item: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Hugging Face writes one template, or a list of named ones."""
    found = item.get("chat_template")
    if isinstance(found, str):
        yield "chat_template", found
    for entry in found if isinstance(found, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("template"), str):
            yield f"chat_template {entry.get('name')!r:.40}", entry["template"]


def _keras(blob: Blob, item: dict[str, Any]) -> Iterator[Finding]:
    """A layer or object of a Keras model as its configuration names it."""
    kind = item["class_name"]
    module, registered = item.get("module"), item.get("registered_name")
    if kind in ("Lambda", "__lambda__"):
        yield lambda_layer(blob)
    elif kind == "TorchModuleWrapper":
        yield blob.finding(
            Severity.CRITICAL,
            "the layer TorchModuleWrapper holds a pickled network",
            expected="layers of Keras",
            fix="do not load it; save the weights alone with safetensors",
        )
    elif isinstance(module, str) and module.split(".")[0] not in _KERAS:
        yield _foreign(blob, f"{module}.{kind}")
    elif kind == "TFSMLayer":
        yield _foreign(blob, "TFSMLayer, which loads a SavedModel from a path")
    elif kind == "function" and isinstance(module, str) and ".utils" in module:
        yield _foreign(blob, f"the function {module}.{item.get('config')}")
    elif isinstance(registered, str) and ">" in registered:
        yield _foreign(blob, registered)


def lambda_layer(blob: Blob) -> Finding:
    return blob.finding(
        Severity.CRITICAL,
        "a Lambda layer: program code inside the model",
        expected="layers that Keras defines",
        fix="do not load it; rebuild the network without Lambda, or export it to ONNX where you trust it",
    )


def _foreign(blob: Blob, name: str) -> Finding:
    return blob.finding(
        Severity.HIGH,
        f"the model needs an object that is not of Keras: {name:.100}",
        expected="layers that Keras defines",
        fix="rebuild the network with layers of Keras, or export it to ONNX where you trust it",
    )


def _modules(blob: Blob, modules: list[Any]) -> Iterator[Finding]:
    for entry in modules:
        kind = entry.get("type") if isinstance(entry, dict) else None
        if isinstance(kind, str) and not kind.startswith(_MODULES):
            yield _remote(blob, f"names the module {kind!r:.80}")
