"""``modelyard rules test``: what rules would do, tried on rows that are kept."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.cli.command import add_json, add_word, note, print_json, say

if TYPE_CHECKING:
    from modelyard.recipes.rules_trial import Trial


class Rules:
    name = "rules"
    summary = "try a recipe's rules on stored rows before they go live"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        words = parser.add_subparsers(dest="word", metavar="test", required=True)
        test = add_word(words, "test", "count what each rule hits and changes, and the accuracy before and after")
        test.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard; its model answers")
        test.add_argument(
            "--recipe", type=Path, metavar="FILE", help="take the rules of this recipe, not the release's"
        )
        test.add_argument("--input", metavar="FILE", help="rows to try them on, not the release's own split test")
        add_json(test)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.cli.commands.predict import columns_of, load_rows
        from modelyard.core.dataset import Dataset
        from modelyard.core.errors import InputError
        from modelyard.core.predictor import Predictor
        from modelyard.recipes.recipe import read_document
        from modelyard.recipes.rules_trial import try_rules
        from modelyard.recipes.serve_section import check_serving, serving_of
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        version = yard.resolve(arguments.release)
        release, model = yard.release(version), yard.model(version)
        recipe = read_document(arguments.recipe).text if arguments.recipe else release.recipe
        serving = serving_of(recipe)
        if not serving.rules:
            raise InputError("the recipe has no rules", expected="serve: {rules: […]}", fix="give one: --recipe FILE")
        check_serving(serving, model)
        with Predictor(model) as predictor, tempfile.TemporaryDirectory() as scratch:
            if arguments.input is not None:
                data = load_rows(arguments.input, predictor, columns_of(release.recipe), Path(scratch) / "data")
            else:
                digest = release.attributes["data"]
                found = yard.get(digest) if digest else None
                if not isinstance(found, Dataset):
                    raise InputError(f"{version.reference} was built without data", fix="give rows: --input FILE")
                data = found
            trial = try_rules(serving, predictor, data, "test")
        if arguments.json:
            print_json(trial.to_json())
        else:
            _show(trial)
        return 0


def _show(trial: Trial) -> None:
    for item in trial.rules:
        examples = f"  rows {', '.join(map(str, item.examples))}" if item.examples else ""
        say(f"{item.rule.name}  {item.rule.outcome}: {item.rows} of {trial.rows}, {item.changed} changed{examples}")
    say(f"blocked: {trial.blocked} of {trial.rows}; for review: {trial.reviewed}")
    if trial.before is not None:
        say(f"{trial.measure}: {trial.before:.4f} before, {_number(trial.after)} after (of {trial.judged} answered)")
    else:
        note("the rows carry no right answers: nothing is said of the accuracy")


def _number(value: Any) -> str:
    return "nothing" if value is None else f"{value:.4f}"
