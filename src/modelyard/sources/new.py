"""``new:architecture?option=value``: a network without pretrained weights, to be made when a task adopts it.

Knows no architecture: what there is, and with which options, the task says.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from modelyard.core.artifact import canonical_json, hash_bytes
from modelyard.core.cache_folder import cache_folder
from modelyard.core.errors import InputError
from modelyard.core.source import Source
from modelyard.formats.blueprint import Blueprint
from modelyard.sources.cache import once
from modelyard.sources.local import digest

_FORM = "new:resnet-18, or new:mlp?hidden=64,32&dropout=0.1"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_OPTION = re.compile(r"[a-z][a-z0-9_]*")
_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]{1,3})?")


def fetch(reference: str, pins: Mapping[str, Any]) -> Source:
    """The blueprint that a reference describes.

    Args:
        reference: ``new:architecture``, with options as in a URL; a list is written ``64,32``.

    Raises:
        InputError: it is not of that form.
    """
    name, _, query = reference.partition(":")[2].partition("?")
    if not _NAME.fullmatch(name):
        raise InputError(f"not the name of an architecture: {name!r}", expected=_FORM, where=reference)
    options: dict[str, Any] = {}
    for part in query.split("&") if query else []:
        key, equals, text = part.partition("=")
        if not _OPTION.fullmatch(key) or not equals or key in options:
            raise InputError(f"cannot read the option {part!r}", expected=_FORM, where=reference)
        values = [_value(item.strip()) for item in text.split(",")]
        options[key] = values if len(values) > 1 else values[0]
    blueprint = Blueprint(name, options)
    place = hash_bytes(canonical_json([name, options])).removeprefix("sha256:")
    path = once(cache_folder() / "new" / place, blueprint.write)
    return Source(reference, path, digest(path), {})


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
