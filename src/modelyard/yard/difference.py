"""What differs between two versions: recipe, measures, verdicts, what went in, and size.

Data only; how it is shown is not its business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from difflib import unified_diff
from typing import Any

from modelyard.core.model import Model
from modelyard.core.release import Release
from modelyard.yard.registry import Version


@dataclass(frozen=True)
class Change:
    """A number in both versions; None where a version lacks it. ``change`` is b minus a."""

    name: str
    a: float | None
    b: float | None
    unit: str

    @property
    def change(self) -> float | None:
        return None if self.a is None or self.b is None else self.b - self.a


@dataclass(frozen=True)
class Outcome:
    """A requirement in both versions: its bound and its verdict, None where a version lacks it."""

    measure: str
    bound_a: str | None
    verdict_a: str | None
    bound_b: str | None
    verdict_b: str | None


@dataclass(frozen=True)
class Difference:
    """Two versions side by side.

    Attributes:
        recipe: unified diff of the recipes; empty if they are the same.
        measures: every measure of either version, in the order of their names.
        requirements: every requirement of either version.
        model: digests of the models.
        data: digests of the data, None where a release has none.
        size_bytes: bytes of the models' files.
    """

    a: str
    b: str
    recipe: str
    measures: tuple[Change, ...]
    requirements: tuple[Outcome, ...]
    model: tuple[str, str]
    data: tuple[str | None, str | None]
    size_bytes: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        measures = [{**asdict(change), "change": change.change} for change in self.measures]
        return {**asdict(self), "measures": measures}


def compare(a: tuple[Version, Release, Model], b: tuple[Version, Release, Model]) -> Difference:
    """Compare ``a`` with ``b``, each a version with its release and model."""
    (version_a, release_a, model_a), (version_b, release_b, model_b) = a, b
    body_a, body_b = release_a.body, release_b.body
    return Difference(
        a=version_a.reference,
        b=version_b.reference,
        recipe=_recipe_diff(release_a.recipe, release_b.recipe, version_a.reference, version_b.reference),
        measures=_changes(body_a["measures"], body_b["measures"]),
        requirements=_outcomes(body_a["requirements"], body_b["requirements"]),
        model=(model_a.digest, model_b.digest),
        data=(release_a.attributes["data"], release_b.attributes["data"]),
        size_bytes=(model_a.size_bytes, model_b.size_bytes),
    )


def _recipe_diff(a: str, b: str, name_a: str, name_b: str) -> str:
    return "\n".join(unified_diff(a.splitlines(), b.splitlines(), name_a, name_b, lineterm=""))


def _changes(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    nothing = {"value": None, "unit": ""}
    pairs = ((name, a.get(name, nothing), b.get(name, nothing)) for name in sorted({*a, *b}))
    return tuple(Change(name, of_a["value"], of_b["value"], of_b["unit"] or of_a["unit"]) for name, of_a, of_b in pairs)


def _outcomes(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> tuple[Outcome, ...]:
    of_a = {item["measure"]: item for item in a}
    of_b = {item["measure"]: item for item in b}
    return tuple(
        Outcome(
            measure,
            of_a.get(measure, {}).get("bound"),
            of_a.get(measure, {}).get("verdict"),
            of_b.get(measure, {}).get("bound"),
            of_b.get(measure, {}).get("verdict"),
        )
        for measure in sorted({*of_a, *of_b})
    )
