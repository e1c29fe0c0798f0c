"""``modelyard verify``: hash everything in the yard again."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from modelyard.cli.command import add_json, print_json, say


class Verify:
    name = "verify"
    summary = "check every stored file and the event log against their digests"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        problems = yard.verify()
        if arguments.json:
            print_json({"problems": [asdict(problem) for problem in problems]})
        else:
            lines = [f"{problem.where}: {problem.what}" for problem in problems]
            say("\n".join(lines) or "everything matches its digest")
        return 1 if problems else 0
