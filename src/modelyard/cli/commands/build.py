"""``modelyard build``: a recipe goes in, a judged and numbered release comes out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, note, print_json, say

if TYPE_CHECKING:
    from modelyard.recipes.build import Built
    from modelyard.recipes.call import Result
    from modelyard.recipes.plan import Node

EXIT_CODES = {"met": 0, "not met": 1, "inconclusive": 3}


class Build:
    name = "build"
    summary = "build, judge and publish what a recipe says"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe file, such as sms-spam.yaml")
        parser.add_argument("--dry-run", action="store_true", help="check the recipe and show the plan; run nothing")
        parser.add_argument("--locked", action="store_true", help="use exactly the digests of the lock file, or refuse")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        if arguments.dry_run:
            return _show_plan(arguments.recipe, as_json=arguments.json)
        return build_and_show(arguments.recipe, locked=arguments.locked, as_json=arguments.json)


def build_and_show(path: Path, *, locked: bool = False, as_json: bool = False) -> int:
    """Build a recipe, show its table, and return the exit code of its verdict."""
    from modelyard.cli.progress import shown_progress
    from modelyard.recipes.build import build
    from modelyard.yard.yard import Yard

    start = time.monotonic()
    with shown_progress():
        built = build(path, Yard.default(), locked=locked, on_result=note_result)
    if as_json:
        print_json(built.to_json())
    else:
        show_built(built, time.monotonic() - start)
    return EXIT_CODES[built.verdict.value]


def note_result(node: Node, result: Result) -> None:
    """One line for a finished step."""
    how = "reused" if result.reused else f"{result.seconds:.1f} s"
    note(f"  {node.id:<48} {how}")


def show_built(built: Built, seconds: float) -> None:
    """The table of a finished build, and what to do next."""
    from modelyard.render.terminal import print_outcome

    print_outcome(built.page)
    say(f"release  {built.version.reference}  {built.verdict.value}  ({seconds:.0f} s)")
    say(f"report   {built.report}")
    say(f"next     modelyard promote {built.version.reference} && modelyard serve {built.version.name}")


def _show_plan(path: Path, *, as_json: bool) -> int:
    from modelyard.recipes.build import preview
    from modelyard.yard.yard import Yard

    planned = preview(path, Yard.default())
    if as_json:
        print_json({"plan": [{"name": node.id, "step": node.step.name, "reused": reused} for node, reused in planned]})
        return 0
    for node, reused in planned:
        say(f"  {'reuse' if reused else 'run':<6} {node.id}")
    return 0
