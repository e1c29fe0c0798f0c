"""``modelyard rollback``: point an alias back at what it was before."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, tell


class Rollback:
    name = "rollback"
    summary = "point an alias back at the release it named before"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME", help="the name of a release")
        parser.add_argument("--alias", default="production", help="the alias to move (default: production)")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        version = Yard.default().rollback(arguments.release, alias=arguments.alias)
        words = f"{version.name}@{arguments.alias} is now {version.reference}"
        tell(version.to_json(), words, as_json=arguments.json)
        return 0
