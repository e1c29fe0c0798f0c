"""``modelyard lineage``: from a release back to its data, base model and recipe."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, print_json, say


class Lineage:
    name = "lineage"
    summary = "trace a release to its data, base model and recipe"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        lineage = yard.lineage(yard.resolve(arguments.release).release)
        if arguments.json:
            print_json(lineage.to_json())
        else:
            say(lineage.to_text())
        return 0
