"""What a command is: a name, a summary, its arguments, and a function that returns an exit code."""

from __future__ import annotations

import argparse
import json
import sys
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


def tell_report(report: Report) -> None:
    """A report for a person: its findings, where it lies, and its digest."""
    from modelyard.render.terminal import print_findings

    print_findings(report.findings)
    note(f"report {report.path}")
    say(report.digest)


def print_json(value: Any) -> None:
    """One JSON object on standard output; numbers that are not finite are a bug, not output."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))  # noqa: T201


def say(text: str) -> None:
    """Words for a person on standard output."""
    print(text)  # noqa: T201


def note(text: str) -> None:
    """Words beside the output, on standard error."""
    print(text, file=sys.stderr)  # noqa: T201
