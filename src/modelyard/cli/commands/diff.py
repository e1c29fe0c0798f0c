"""``modelyard diff``: what changed between two releases."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, print_json, say


class Diff:
    name = "diff"
    summary = "compare two releases: recipe, data, measures, verdicts"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("old", metavar="OLD", help="a release, such as sms-spam:1")
        parser.add_argument("new", metavar="NEW", help="a release, such as sms-spam:2")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        difference = yard.diff(yard.resolve(arguments.old), yard.resolve(arguments.new))
        if arguments.json:
            print_json(difference.to_json())
        else:
            say(difference.to_text())
        return 0
