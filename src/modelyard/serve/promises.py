"""What a release was promised to do: the requirements of its recipe."""

from __future__ import annotations

from modelyard.core.release import Release
from modelyard.core.requirement import Requirement
from modelyard.formats.document import parse


def promised_by(release: Release) -> list[Requirement]:
    """All of them, those that only a build can judge too."""
    require = parse(release.recipe, "recipe.yaml").value.get("require") or {}
    return [Requirement.parse(measure, bound) for measure, bound in require.items()]
