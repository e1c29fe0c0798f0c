"""``modelyard list``: every version in the yard."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, print_json, say


class List:
    name = "list"
    summary = "list releases with their verdicts and aliases"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", nargs="?", metavar="NAME", help="only the versions of this release")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        names = [arguments.release] if arguments.release else yard.names()
        versions = [version for name in names for version in yard.versions(name)]
        if arguments.json:
            print_json({"versions": [version.to_json() for version in versions]})
            return 0
        for version in versions:
            aliases = " ".join(f"@{alias}" for alias in version.aliases)
            say(f"{version.reference:<32} {version.verdict.value:<13} {version.created}  {aliases}")
        if not versions:
            say("no releases yet; modelyard quickstart builds one")
        return 0
