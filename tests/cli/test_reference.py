"""The reference pages in ``docs`` are those that the code writes."""

from __future__ import annotations

from pathlib import Path

from modelyard.cli.reference import pages

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_is_up_to_date() -> None:
    written = {str(path.relative_to(DOCS)): path.read_text(encoding="utf-8") for path in DOCS.glob("reference/**/*.md")}
    assert written == pages(), "run: make docs"
