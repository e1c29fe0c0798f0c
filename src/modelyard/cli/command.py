"""What a command is: a name, a summary, its arguments, and a function that returns an exit code."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from modelyard.core.report import Report


class Command(Protocol):
    """One word of the command line. Made anew for each run; heavy imports stand inside ``run``."""

    name: str
    summary: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object on standard output, nothing else")


def add_page(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the report with its pictures as an HTML page")


def add_word(words: Any, name: str, summary: str) -> argparse.ArgumentParser:
    """A word of a command that has several.

    Args:
        words: what ``add_subparsers`` gave.
    """
    parser: argparse.ArgumentParser = words.add_parser(name, help=summary, description=summary)
    return parser


def tell(facts: Any, words: str, *, as_json: bool) -> None:
    """One outcome, for a machine or for a person."""
    if as_json:
        print_json(facts)
    else:
        say(words)


def tell_report(report: Report, *, reused: bool = False) -> None:
    """A report for a person: its findings, where it lies, and its digest."""
    from modelyard.render.terminal import print_findings

    print_findings(report.findings)
    note(f"report {'(reused) ' if reused else ''}{report.path}")
    say(report.digest)


def write_page(page: Path | None, title: str, report: Report) -> None:
    """Draw a report as an HTML page, if a file for it was named."""
    if page is None:
        return
    from modelyard.core.errors import InputError
    from modelyard.render.html import render_report

    try:
        page.write_text(render_report(title, report.findings), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"--page {str(page)!r}: {error.strerror}", expected="a file in a folder that is there"
        ) from None
    note(f"page {page}")


def print_json(value: Any) -> None:
    """One JSON object on standard output; numbers that are not finite are a bug, not output."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))  # noqa: T201


def say(text: str) -> None:
    """Words for a person on standard output."""
    print(text)  # noqa: T201


def note(text: str) -> None:
    """Words beside the output, on standard error."""
    print(text, file=sys.stderr)  # noqa: T201
