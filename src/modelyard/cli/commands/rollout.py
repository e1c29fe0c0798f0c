"""``modelyard rollout``: a new version takes over step by step, or is rolled back by itself."""

from __future__ import annotations

import argparse
import getpass
from typing import TYPE_CHECKING

from modelyard.cli.command import add_json, note, print_json, say
from modelyard.core.errors import InputError

if TYPE_CHECKING:
    from modelyard.yard.rollouts import Rollout


class RolloutCommand:
    name = "rollout"
    summary = "give a new version a growing part of the traffic, judged by its requirements"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[:VERSION]", help="the new version; without a number the newest")
        parser.add_argument("--alias", default="production", help="the alias that moves in the end")
        parser.add_argument("--interval", type=float, default=60.0, metavar="SECONDS", help="between two checks (60)")
        parser.add_argument("--step-weight", type=int, default=10, help="percent that each passed check adds (10)")
        parser.add_argument("--max-weight", type=int, default=50, help="percent at which a passed check promotes (50)")
        parser.add_argument("--threshold", type=int, default=3, help="failed checks that roll back (3)")
        parser.add_argument("--patience", type=int, default=10, help="checks in a row that cannot tell (10)")
        parser.add_argument("--mirror", type=float, default=0.2, help="share of requests that both answer (0.2)")
        parser.add_argument("--shadow", action="store_true", help="answer copies only; no caller sees the new version")
        parser.add_argument(
            "--reviewed", action="store_true", help="pass no check before people's reviews show the accuracy required"
        )
        parser.add_argument("--force", action="store_true", help="although requirements are not met; recorded")
        parser.add_argument("--status", action="store_true", help="only show the last rollout of the name")
        parser.add_argument("--abort", action="store_true", help="end the running one; the old version goes on")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.core.rollout import Plan, State
        from modelyard.yard.naming import Reference
        from modelyard.yard.yard import Yard

        yard, actor = Yard.default(), getpass.getuser()
        name = Reference.parse(arguments.release).name
        if not (arguments.status or arguments.abort):
            plan = Plan(
                interval=arguments.interval,
                step_weight=arguments.step_weight,
                max_weight=arguments.max_weight,
                threshold=arguments.threshold,
                patience=arguments.patience,
                shadow=arguments.shadow,
                mirror=1.0 if arguments.shadow else arguments.mirror,
                reviewed=arguments.reviewed,
            )
            reference = arguments.release if arguments.release != name else yard.versions(name)[0].reference
            found = yard.start_rollout(reference, plan, alias=arguments.alias, force=arguments.force, actor=actor)
            note("servers that follow the alias begin within a second")
            return _show(found, arguments.json)
        yard.versions(name)
        last = yard.rollout(name)
        if last is None:
            raise InputError(f"{name} was never rolled out", fix=f"modelyard rollout {name}:VERSION")
        if arguments.abort:
            if not yard.note_rollout(last, last.progress, State.ABORTED, {}, actor=actor):
                raise InputError(f"no rollout of {name} is running: the last one was {last.state.value}")
            last = yard.rollout(name) or last
        return _show(last, arguments.json)


def _show(rollout: Rollout, as_json: bool) -> int:
    if as_json:
        print_json(rollout.to_json())
        return 0
    plan, progress = rollout.plan, rollout.progress
    say(f"{rollout.name}: {rollout.stable} -> {rollout.number}, {rollout.state.value}")
    say(f"checks: {progress.passed} of {plan.steps} passed, {progress.failed} failed (at most {plan.threshold - 1})")
    if rollout.to_json()["weight"] is not None:
        say("answers copies only" if plan.shadow else f"traffic: {progress.weight(plan)} %")
    return 0
