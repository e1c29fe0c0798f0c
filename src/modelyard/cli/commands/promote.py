"""``modelyard promote``: point an alias at a release."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, tell


class Promote:
    name = "promote"
    summary = "point an alias (production) at a release that met its requirements"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[:VERSION]", help="a release; without a version the newest")
        parser.add_argument("--alias", default="production", help="the alias to move (default: production)")
        parser.add_argument("--force", action="store_true", help="promote although requirements are not met; recorded")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        version = yard.promote(arguments.release, alias=arguments.alias, force=arguments.force)
        right, judged = yard.reviews.agreement(version.name, version.number)
        words = f"{version.name}@{arguments.alias} is now {version.reference}"
        if judged:
            words += f"; people found {right} of {judged} of its answers right"
        facts = {**version.to_json(), "reviewed": {"right": right, "judged": judged}}
        tell(facts, words, as_json=arguments.json)
        return 0
