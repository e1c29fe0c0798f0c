"""``modelyard quickstart``: a shipped recipe, copied here and built."""

from __future__ import annotations

import argparse
from importlib.resources import files
from pathlib import Path

from modelyard.cli.command import add_json, note
from modelyard.cli.commands.build import build_and_show
from modelyard.cli.commands.solve import solve_and_show
from modelyard.core.errors import InputError, suggestion


class Quickstart:
    name = "quickstart"
    summary = "copy a shipped recipe into this folder and build it, or solve it if it leaves something open"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("recipe", nargs="?", default="sms-spam", help="a shipped recipe (default: sms-spam)")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.recipes.open_options import find_open
        from modelyard.recipes.recipe import read_document

        path = copy_recipe(arguments.recipe, Path.cwd())
        if find_open(read_document(path)):
            return solve_and_show(path, as_json=arguments.json)
        return build_and_show(path, as_json=arguments.json)


def copy_recipe(name: str, folder: Path) -> Path:
    """Put the shipped recipe into ``folder``; one that is there already is left as it is."""
    shipped = {file.name.removesuffix(".yaml"): file for file in files("modelyard.recipes.examples").iterdir()}
    shipped = {key: file for key, file in shipped.items() if file.name.endswith(".yaml")}
    if name not in shipped:
        raise InputError(f"there is no shipped recipe {name!r}", fix=suggestion(name, shipped))
    path = folder / f"{name}.yaml"
    if path.exists():
        note(f"building {path.name} as it stands here")
    else:
        path.write_bytes(shipped[name].read_bytes())
        note(f"wrote {path.name}")
    return path
