"""``modelyard show``: one release with its requirements and measures."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, print_json, say


class Show:
    name = "show"
    summary = "show one release: verdicts, measures, digests, report"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.render.terminal import print_requirements
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        version = yard.resolve(arguments.release)
        release = yard.release(version)
        signatures = yard.signing.signatures(version)
        report = str(release.path / "report.html")
        if arguments.json:
            facts = {
                "model": release.model_digest,
                "parents": list(release.parents),
                "report": report,
                "signatures": [signature.to_json() for signature in signatures],
            }
            print_json(version.to_json() | release.body | facts)
            return 0
        say(f"{version.reference}  {version.verdict.value}  {version.created}")
        print_requirements(release.body["requirements"])
        say(f"model    {release.model_digest}")
        say(f"release  {release.digest}")
        for signature in signatures:
            say(f"signed   {signature.public.id} {signature.label}  {signature.state}")
        say(f"report   {report}")
        return 0
