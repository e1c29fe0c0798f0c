"""``modelyard keys``: who may ask a server."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from typing import Any

from modelyard.cli.command import add_json, note, print_json, say

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Keys:
    name = "keys"
    summary = "add, list and revoke the keys that a server asks for"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        from modelyard.core.access import Role

        words = parser.add_subparsers(dest="word", metavar="add | list | revoke", required=True)
        add = words.add_parser("add", help="make a key and show it once", description="make a key and show it once")
        add.add_argument("--label", required=True, help="whose it is, or what for")
        add.add_argument(
            "--role", default=str(Role.PREDICT), help=f"{', '.join(Role)}; each includes those before it (predict)"
        )
        add.add_argument(
            "--models", nargs="+", default=["*"], metavar="NAME", help="models it may use, * for any characters (all)"
        )
        add.add_argument("--expires", metavar="WHEN", help="30d, 12h, 45m, or an ISO 8601 time (default: never)")
        add.add_argument("--rate", type=float, metavar="N", help="requests a second in the long run (no limit)")
        add.add_argument("--burst", type=int, metavar="N", help="requests at once (those of one second)")
        add_json(add)
        summary = "list keys: what they are for and whether they are active"
        add_json(words.add_parser("list", help=summary, description=summary))
        summary = "end a key; servers that run refuse it within a second"
        revoke = words.add_parser("revoke", help=summary, description=summary)
        revoke.add_argument("id", metavar="ID", help="its id, as the list shows it")
        add_json(revoke)

    def run(self, arguments: argparse.Namespace) -> int:
        actions = {"add": _add, "list": _list, "revoke": _revoke}
        return actions[arguments.word](arguments)


def _add(arguments: argparse.Namespace) -> int:
    from modelyard.core.access import Rate, Role
    from modelyard.core.errors import InputError
    from modelyard.yard.yard import Yard

    if arguments.burst is not None and arguments.rate is None:
        raise InputError("--burst without --rate", expected="--rate N --burst N")
    rate = None if arguments.rate is None else Rate.of(arguments.rate, arguments.burst)
    expires = None if arguments.expires is None else read_time(arguments.expires, datetime.now(UTC))
    key, token = Yard.default().add_key(
        arguments.label, Role.parse(arguments.role), models=arguments.models, rate=rate, expires=expires
    )
    if arguments.json:
        print_json({**_facts(key), "token": token})
        return 0
    say(token)
    note(f"key {key.id} ({key.role}): keep it now, it is not shown again. Send it as: authorization: Bearer KEY")
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    facts = [_facts(key) for key in Yard.default().list_keys()]
    if arguments.json:
        print_json({"keys": facts})
        return 0
    for key in facts:
        expires = f"  expires {key['expires']}" if key["expires"] else ""
        rate = f"  {key['per_second']:g}/s" if key["per_second"] else ""
        say(f"{key['id']}  {key['state']:<8} {key['role']:<8} {','.join(key['models'])}{rate}{expires}  {key['label']}")
    if not facts:
        note("no keys yet: only this machine can reach a server. Add one: modelyard keys add --label NAME")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    key = Yard.default().revoke_key(arguments.id)
    if arguments.json:
        print_json(_facts(key))
    else:
        say(f"key {key.id} ({key.label}) is revoked")
    return 0


def _facts(key: Any) -> dict[str, Any]:
    return {
        "id": key.id,
        "label": key.label,
        "role": str(key.role),
        "models": list(key.models),
        "state": key.state(datetime.now(UTC)),
        "per_second": key.rate.per_second if key.rate else None,
        "burst": key.rate.burst if key.rate else None,
        "created": key.created.isoformat(),
        "expires": key.expires.isoformat() if key.expires else None,
    }


def read_time(text: str, now: datetime) -> datetime:
    """A time to come, as a person writes it.

    Raises:
        InputError: it is of no such form.
    """
    from modelyard.core.errors import InputError

    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isascii() and number.isdecimal():
            return now + timedelta(**{_UNITS[unit]: int(number)})
        moment = datetime.fromisoformat(text)
        # A day or time without a zone is meant where it is typed.
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(f"--expires {text!a:.40}", expected="30d, 12h, 45m, or a time such as 2030-12-31") from None
