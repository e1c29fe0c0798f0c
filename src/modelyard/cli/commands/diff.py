"""``modelyard diff``: what changed between two releases."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, print_json, say

if TYPE_CHECKING:
    from modelyard.yard.difference import Difference


class Diff:
    name = "diff"
    summary = "compare two releases: recipe, data, measures, verdicts"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("old", metavar="OLD", help="a release, such as sms-spam:1")
        parser.add_argument("new", metavar="NEW", help="a release, such as sms-spam:2")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        difference = Yard.default().diff(arguments.old, arguments.new)
        if arguments.json:
            print_json(difference.to_json())
        else:
            _show(difference)
        return 0


def _show(difference: Difference) -> None:
    if difference.recipe:
        say(difference.recipe)
    for name, (a, b) in {"model": difference.model, "data": difference.data}.items():
        say(f"{name}: {'the same' if a == b else f'{a} -> {b}'}")
    say(f"{'measure':<28} {difference.a:>16} {difference.b:>16} {'change':>12}")
    for measure in difference.measures:
        if measure.a != measure.b:
            say(f"{measure.name:<28} {_number(measure.a):>16} {_number(measure.b):>16} {_number(measure.change):>12}")
    for item in difference.requirements:
        if item.verdict_a != item.verdict_b:
            say(f"require {item.measure}: {item.verdict_a or 'absent'} -> {item.verdict_b or 'absent'}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.5g}"
