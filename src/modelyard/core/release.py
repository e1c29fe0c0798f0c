"""The release: a model with its proof, as one artifact.

Holds the recipe, the lock of every digest that went in, the verdicts, and the names of the
model, data and reports by digest. Knows nothing of versions and aliases; the yard gives those.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from modelyard.core.artifact import Artifact
from modelyard.core.requirement import Judgement, Verdict, overall

RELEASE = "release.json"
RECIPE = "recipe.yaml"
LOCK = "lock.json"


@dataclass(frozen=True)
class Release(Artifact):
    """``release.json``, ``recipe.yaml``, ``lock.json`` and the rendered report and model card."""

    kind: ClassVar[str] = "release"

    @classmethod
    def write(
        cls,
        out: Path,
        *,
        name: str,
        model: Artifact,
        data: Artifact | None,
        reports: Sequence[Artifact],
        recipe: str,
        lock: Mapping[str, Any],
        judgements: Iterable[Judgement],
        measures: Mapping[str, Any],
    ) -> Release:
        """Write the proof beside whatever ``out`` already holds (rendered pages) and seal it."""
        judged = list(judgements)
        body = {
            "requirements": [judgement.to_json() for judgement in judged],
            "measures": dict(measures),
        }
        (out / RELEASE).write_text(json.dumps(body, indent=1, allow_nan=False, ensure_ascii=False), encoding="utf-8")
        (out / RECIPE).write_text(recipe, encoding="utf-8")
        (out / LOCK).write_text(json.dumps(lock, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
        attributes = {
            "name": name,
            "model": model.digest,
            "data": data.digest if data else None,
            "reports": [report.digest for report in reports],
            "verdict": overall(judged).value,
        }
        parents = [model, *([data] if data else []), *reports]
        return cls.seal(out, parents=parents, attributes=attributes)

    @property
    def name(self) -> str:
        return str(self.attributes["name"])

    @property
    def model_digest(self) -> str:
        return str(self.attributes["model"])

    @property
    def verdict(self) -> Verdict:
        return Verdict(self.attributes["verdict"])

    @property
    def body(self) -> dict[str, Any]:
        """``requirements`` and ``measures`` as JSON values."""
        body: dict[str, Any] = json.loads((self.path / RELEASE).read_text(encoding="utf-8"))
        return body

    @property
    def recipe(self) -> str:
        return (self.path / RECIPE).read_text(encoding="utf-8")

    @property
    def lock(self) -> dict[str, Any]:
        lock: dict[str, Any] = json.loads((self.path / LOCK).read_text(encoding="utf-8"))
        return lock
