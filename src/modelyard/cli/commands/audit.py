"""``modelyard audit``: who changed what, and whether the record of it holds."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from modelyard.cli.command import add_json, add_word, print_json, say


class Audit:
    name = "audit"
    summary = "list the audit log, check its chain, and anchor it outside of the yard"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        words = parser.add_subparsers(dest="word", metavar="list | verify | anchor", required=True)
        shown = add_word(words, "list", "events, oldest first: who did what when")
        shown.add_argument("--name", help="those of one release name only")
        add_json(shown)
        verify = add_word(words, "verify", "name the first event that was edited, removed or moved")
        verify.add_argument("--anchor", metavar="FILE", help="anchors that the log must go through")
        add_json(verify)
        anchor = add_word(
            words, "anchor", "write down where the log stands, so that a log that was cut off or written anew shows"
        )
        anchor.add_argument("--file", metavar="FILE", help="add it to this file (default: print it)")
        add_json(anchor)

    def run(self, arguments: argparse.Namespace) -> int:
        actions = {"list": _list, "verify": _verify, "anchor": _anchor}
        return actions[arguments.word](arguments)


def _list(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    yard = Yard.default()
    events = yard.events() if arguments.name is None else yard.history(arguments.name)
    if arguments.json:
        print_json({"events": [asdict(event) for event in events]})
        return 0
    for event in events:
        # ASCII: what somebody wrote into a label steers no terminal.
        details = json.dumps(event.details)
        say(f"{event.number:>6}  {event.time}  {event.actor!a}  {event.action}  {event.name}  {details}")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from modelyard.yard import anchors
    from modelyard.yard.yard import Yard

    known = anchors.read(Path(arguments.anchor)) if arguments.anchor else []
    problem = Yard.default().verify_events(known)
    if arguments.json:
        print_json({"problem": asdict(problem) if problem else None, "anchors": len(known)})
    elif problem:
        say(f"{problem.where}: {problem.what}")
    else:
        say(f"every event holds; anchors that were met: {len(known)}")
    return 1 if problem else 0


def _anchor(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    anchor = Yard.default().anchor(Path(arguments.file) if arguments.file else None)
    if arguments.json or not arguments.file:
        print_json(anchor.to_json())
    else:
        say(f"event {anchor.number} {anchor.hash} is anchored in {arguments.file}")
    return 0
