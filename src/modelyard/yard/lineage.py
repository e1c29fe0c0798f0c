"""From an artifact back to what it was made from.

Reads manifests by their parents' digests. Knows the kinds of artifact only to say a few words
about each.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.core.artifact import Artifact
from modelyard.core.release import Release
from modelyard.yard import steps
from modelyard.yard.objects import Objects

_ABOUT = {
    "release": ("name", "verdict"),
    "model": ("task", "runtime", "base"),
    "dataset": ("splits", "labels"),
    "report": (),
}
"""Attributes worth showing, by kind."""


@dataclass(frozen=True)
class Lineage:
    """One artifact and, below it, its parents.

    Attributes:
        kind: kind of artifact; empty if it is no longer in the yard.
        step: the step that made it, if that is remembered.
        about: what it is in a few attributes; a release adds its ``recipe`` and ``lock``.
        repeated: it stands elsewhere in the tree with its parents, which are left out here.
    """

    digest: str
    kind: str
    step: str | None
    about: Mapping[str, Any]
    parents: tuple[Lineage, ...] = ()
    repeated: bool = False

    def to_json(self) -> dict[str, Any]:
        return {
            "digest": self.digest,
            "kind": self.kind,
            "step": self.step,
            "about": dict(self.about),
            "parents": [parent.to_json() for parent in self.parents],
            "repeated": self.repeated,
        }


def trace(connection: sqlite3.Connection, objects: Objects, digest: str) -> Lineage:
    """The tree below ``digest`` (which may be a unique prefix).

    Raises:
        InputError: no such artifact.
        IntegrityError: a manifest on the way was altered.
    """
    seen: set[str] = set()

    def visit(digest: str) -> Lineage:
        if not objects.has(digest):
            return Lineage(digest, "", None, {})
        artifact = objects.get(digest, verify=False)
        maker, about = steps.maker_of(connection, digest), _about(artifact)
        if digest in seen:
            return Lineage(digest, artifact.kind, maker, about, repeated=True)
        seen.add(digest)
        return Lineage(digest, artifact.kind, maker, about, tuple(visit(parent) for parent in artifact.parents))

    return visit(objects.get(digest, verify=False).digest)


def ancestry(objects: Objects, digests: Iterable[str]) -> set[str]:
    """These artifacts with all their ancestors, as far as they are in the yard.

    Raises:
        IntegrityError: a manifest among them was altered, so that its ancestors are unknown.
    """
    found: set[str] = set()
    waiting = list(digests)
    while waiting:
        digest = waiting.pop()
        if digest in found or not objects.has(digest):
            continue
        found.add(digest)
        waiting += objects.get(digest, verify=False).parents
    return found


def _about(artifact: Artifact) -> dict[str, Any]:
    about = {key: artifact.attributes[key] for key in _ABOUT[artifact.kind] if key in artifact.attributes}
    if isinstance(artifact, Release):
        artifact.verify()
        about |= {"recipe": artifact.recipe, "lock": artifact.lock}
    return about
