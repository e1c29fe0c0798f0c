"""``modelyard watch``: how a served model does, and the rules by which Prometheus watches it."""

from __future__ import annotations

import argparse

from modelyard.cli.command import add_json, note, print_json, say


class Watch:
    name = "watch"
    summary = "write the Prometheus rules of a release"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard")
        parser.add_argument(
            "--prometheus-rules",
            metavar="FILE",
            required=True,
            help="write alerting rules out of the release's requirements; - for standard output",
        )
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        return _write_rules(arguments)


def _write_rules(arguments: argparse.Namespace) -> int:
    from pathlib import Path

    import yaml

    from modelyard.core.errors import InputError
    from modelyard.serve.alert_rules import write_rules
    from modelyard.serve.promises import promised_by
    from modelyard.yard.yard import Yard

    yard = Yard.default()
    version = yard.resolve(arguments.release)
    text = write_rules(version.name, version.reference, promised_by(yard.release(version)))
    if arguments.prometheus_rules == "-":
        if arguments.json:
            print_json(yaml.safe_load(text))
        else:
            say(text.rstrip())
        return 0
    file = Path(arguments.prometheus_rules)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"the rules cannot be written: {error.strerror}", where=str(file)) from None
    if arguments.json:
        print_json({"rules": str(file)})
    else:
        note(f"wrote {file}; name it under rule_files: in prometheus.yml")
    return 0
