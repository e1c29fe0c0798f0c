"""``modelyard schema``: the JSON Schema of recipes, for editors."""

from __future__ import annotations

import argparse

from modelyard.cli.command import print_json


class Schema:
    name = "schema"
    summary = "print the JSON Schema of recipes, so that editors complete them"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        return None

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.recipes.schema import recipe_schema

        print_json(recipe_schema())
        return 0
