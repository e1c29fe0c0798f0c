"""What is wrong with a recipe: collected, each with its line, and said at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelyard.core.errors import InputError
from modelyard.formats.document import Document, Place


class RecipeError(InputError):
    """Everything that was found wrong with a recipe, each with its line."""

    def __init__(self, problems: list[InputError]) -> None:
        self.problems = problems
        super().__init__(f"{len(problems)} problem{'s' if len(problems) > 1 else ''} in the recipe")

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)

    def to_json(self) -> dict[str, Any]:
        return {"error": self.what, "problems": [problem.to_json() for problem in self.problems]}


class Problems:
    """Collects errors, each with the line of its place, so that all are said at once."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.found: list[InputError] = []

    def add(self, place: Place, what: str, *, expected: str = "", fix: str = "") -> None:
        self.found.append(InputError(what, expected=expected, fix=fix, where=self.document.where(place)))

    @contextmanager
    def at(self, place: Place) -> Iterator[None]:
        """An InputError raised inside is kept, with the place's line."""
        try:
            yield
        except InputError as error:
            self.add(place, error.what, expected=error.expected, fix=error.fix)

    def raise_if_any(self) -> None:
        if self.found:
            raise RecipeError(self.found)
