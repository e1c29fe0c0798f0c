"""``modelyard lineage``: from a release back to its data, base model and recipe."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, print_json, say

if TYPE_CHECKING:
    from modelyard.yard.lineage import Lineage as Tree


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
            _show(lineage, 0)
        return 0


def _show(tree: Tree, depth: int) -> None:
    facts = {name: value for name, value in tree.about.items() if name not in ("recipe", "lock")}
    about = "(see above)" if tree.repeated else "  ".join(f"{name}={value}" for name, value in facts.items())
    made = f"by {tree.step}" if tree.step else ""
    digest = tree.digest.removeprefix("sha256:")[:12]
    say(f"{'  ' * depth}{tree.kind or 'missing'} {digest}  {made}  {about}".rstrip())
    for parent in tree.parents:
        _show(parent, depth + 1)
