"""``modelyard learning-curve``: whether more training rows would help a recipe."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelyard.cli.command import add_json, add_page, print_json, tell_report, write_page
from modelyard.cli.commands.build import note_result
from modelyard.core.errors import InputError


class LearningCurveCommand:
    name = "learning-curve"
    summary = "do a recipe on growing shares of its training rows; would more rows help?"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("recipe", type=Path, metavar="RECIPE", help="a recipe with evaluate among its steps")
        parser.add_argument("--shares", default="0.1,0.25,0.5,1", help="shares of the training rows (0.1,0.25,0.5,1)")
        add_page(parser)
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.cli.progress import shown_progress
        from modelyard.recipes.learning_curve import learning_curve
        from modelyard.yard.yard import Yard

        with shown_progress():
            done = learning_curve(
                arguments.recipe, Yard.default(), shares=_numbers(arguments.shares), on_result=note_result
            )
        write_page(arguments.page, f"{self.name} {arguments.recipe.name}", done.report)
        if arguments.json:
            print_json(done.to_json())
        else:
            tell_report(done.report)
        return 0


def _numbers(text: str) -> list[float]:
    try:
        return [float(item) for item in text.split(",")]
    except ValueError:
        raise InputError(f"--shares {text!r}", expected="numbers separated by commas, such as 0.25,0.5,1") from None
