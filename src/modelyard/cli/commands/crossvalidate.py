"""``modelyard crossvalidate``: what a recipe is worth on other draws of its rows."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelyard.cli.command import add_json, add_page, print_json, tell_report, write_page
from modelyard.cli.commands.build import note_result


class Crossvalidate:
    name = "crossvalidate"
    summary = "do a recipe on each fold of its rows; mean scores with corrected intervals"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe with evaluate among its steps")
        parser.add_argument("--folds", type=int, default=5, help="parts that take turns in being tested (5)")
        parser.add_argument("--repeats", type=int, default=1, help="how often the rows are divided anew (1)")
        parser.add_argument(
            "--splits", help="whose rows are divided (train,validation: the test rows stay unseen), separated by commas"
        )
        parser.add_argument("--against", type=Path, metavar="RECIPE", help="another recipe, done on the same folds")
        parser.add_argument("--confidence", type=float, default=0.95, help="of the intervals (0.95)")
        add_page(parser)
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.cli.progress import shown_progress
        from modelyard.recipes.crossvalidation import crossvalidate
        from modelyard.yard.yard import Yard

        with shown_progress():
            done = crossvalidate(
                arguments.recipe,
                Yard.default(),
                folds=arguments.folds,
                repeats=arguments.repeats,
                splits=arguments.splits.split(",") if arguments.splits else None,
                against=arguments.against,
                confidence=arguments.confidence,
                on_result=note_result,
            )
        write_page(arguments.page, f"{self.name} {arguments.recipe.name}", done.report)
        if arguments.json:
            print_json(done.to_json())
        else:
            tell_report(done.report)
        return 0
