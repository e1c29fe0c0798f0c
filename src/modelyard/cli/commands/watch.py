"""``modelyard watch``: how a served model does, and the rules by which Prometheus watches it."""

from __future__ import annotations

import argparse
from typing import Any

from modelyard.cli.command import add_json, note, print_json, say

KEY = "MODELYARD_KEY"
"""Names the key that is shown to a server: not an option, which anybody on the machine could read."""


class Watch:
    name = "watch"
    summary = "whether a served model keeps its requirements and how far its rows drifted; or rules for Prometheus"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a model that is served, or a release")
        parser.add_argument("--url", default="http://127.0.0.1:8080", help="of the server (http://127.0.0.1:8080)")
        parser.add_argument(
            "--prometheus-rules",
            metavar="FILE",
            help="write alerting rules out of the release's requirements instead; - for standard output",
        )
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        return _write_rules(arguments) if arguments.prometheus_rules else _show_drift(arguments)


def _show_drift(arguments: argparse.Namespace) -> int:
    import os
    from urllib.parse import quote

    from modelyard.core.errors import InputError
    from modelyard.serve.asking import ask

    name, _, version = arguments.release.partition(":")
    if "@" in name:
        raise InputError(f"{arguments.release!r} names an alias", expected="NAME or NAME:VERSION, as it is served")
    place = f"/v2/models/{quote(name, safe='')}" + (f"/versions/{quote(version, safe='')}" if version else "")
    found = ask(arguments.url.rstrip("/") + place + "/drift", key=os.environ.get(KEY))
    if arguments.json:
        print_json(found)
    else:
        _print_drift(found)
    verdicts = [found["verdict"], *(item["verdict"] for item in found["promises"])]
    return 1 if "not met" in verdicts else {"met": 0}.get(found["verdict"], 3)


def _print_drift(found: dict[str, Any]) -> None:
    _print_promises(found)
    say(f"{found['model']}:{found['version']}  {found['verdict']}  {found['rows']} rows")
    if not found["watched"]:
        note("nothing to hold them against: the release has no test rows, or the server is about to read them")
        return
    columns = ("psi", "energy", "low", "high", "ks")
    say(f"{'feature':<32}{''.join(f'{name:>8}' for name in columns)}{'p':>10}  verdict")
    for item in found["features"]:
        numbers = "".join(f"{_number(item[name]):>8}" for name in columns)
        say(f"{item['feature']:<32}{numbers}{item['p']:>10.2g}  {item['verdict']}")


def _print_promises(found: dict[str, Any]) -> None:
    """What traffic and reviewers show of the requirements."""
    for item in found["promises"]:
        low, value, high = (_number(item[name]) for name in ("low", "value", "high"))
        shown = f"{item['measure']} {value} {item['unit']}".rstrip()
        of = "" if item["n"] is None else f"  of {item['n']}"
        say(f"{shown} ({low} to {high}){of}, required {item['bound']}: {item['verdict']}")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


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
