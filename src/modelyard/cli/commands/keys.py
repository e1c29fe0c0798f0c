"""``modelyard keys``: who may ask a server, whose signatures are trusted, and what data are masked with."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modelyard.cli.command import add_json, add_word, note, print_json, say, tell
from modelyard.core.errors import InputError

if TYPE_CHECKING:
    from modelyard.core.access import Key
    from modelyard.yard.signatures import TrustedKey

_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


class Keys:
    name = "keys"
    summary = "keys that a server asks for, that releases are signed with, and that data are masked with"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        from modelyard.core.access import Role

        words = parser.add_subparsers(dest="word", metavar="WORD", required=True)
        add = add_word(words, "add", "make a key and show it once")
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
        add_json(add_word(words, "list", "list keys: what they are for and whether they are active"))
        revoke = add_word(words, "revoke", "end a key; servers that run refuse it within a second")
        revoke.add_argument("id", metavar="ID", help="its id, as the list shows it")
        add_json(revoke)
        new = add_word(
            words, "signing-new", "make a private key to sign with, in a file of its own, and trust its public key"
        )
        new.add_argument("--file", required=True, metavar="FILE", help="new file; the public key goes to FILE.pub")
        new.add_argument("--label", default="", help="whose it is (default: the file's name)")
        add_json(new)
        secret = add_word(
            words,
            "secret-new",
            "make a secret key for mask, encrypt and decrypt in the folder that MODELYARD_KEYS names, and print its id",
        )
        add_json(secret)
        trust = add_word(words, "trust", "trust what a public key signs")
        trust.add_argument("file", metavar="FILE", help="an Ed25519 public key, PEM")
        trust.add_argument("--label", default="", help="whose it is (default: the file's name)")
        add_json(trust)
        distrust = add_word(words, "distrust", "trust a public key no more")
        distrust.add_argument("id", metavar="ID", help="its id, as the list shows it")
        add_json(distrust)
        demand = add_word(
            words, "require-signatures", "whether serve and predict load only what a trusted key has signed"
        )
        demand.add_argument("required", choices=("on", "off"))
        add_json(demand)

    def run(self, arguments: argparse.Namespace) -> int:
        actions = {
            "add": _add,
            "list": _list,
            "revoke": _revoke,
            "signing-new": _new_signer,
            "secret-new": _new_secret,
            "trust": _trust,
            "distrust": _distrust,
            "require-signatures": _require_signatures,
        }
        return actions[arguments.word](arguments)


def _add(arguments: argparse.Namespace) -> int:
    from modelyard.core.access import Rate, Role
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

    yard = Yard.default()
    facts = [_facts(key) for key in yard.list_keys()]
    signers = yard.signing.trusted()
    if arguments.json:
        print_json({"keys": facts, "signers": [signer.to_json() for signer in signers]})
        return 0
    for key in facts:
        expires = f"  expires {key['expires']}" if key["expires"] else ""
        rate = f"  {key['per_second']:g}/s" if key["per_second"] else ""
        say(f"{key['id']}  {key['state']:<8} {key['role']:<8} {','.join(key['models'])}{rate}{expires}  {key['label']}")
    for signer in signers:
        say(f"{signer.id}  {'distrusted' if signer.withdrawn else 'trusted'} signer  {signer.label}")
    if not facts:
        note("no keys yet: only this machine can reach a server. Add one: modelyard keys add --label NAME")
    return 0


def _revoke(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    key = Yard.default().revoke_key(arguments.id)
    tell(_facts(key), f"key {key.id} ({key.label}) is revoked", as_json=arguments.json)
    return 0


def _new_signer(arguments: argparse.Namespace) -> int:
    from modelyard.core.signing import new_signer
    from modelyard.yard.yard import Yard

    yard, file = Yard.default(), Path(arguments.file)
    if file.resolve().is_relative_to(yard.home.resolve()):
        raise InputError("a private key does not lie in the yard", expected="a file that only you read")
    public = new_signer(file).public
    return _say_trusted(
        yard.signing.trust(public, label=arguments.label or file.name), arguments, f"; private key: {file}"
    )


def _new_secret(arguments: argparse.Namespace) -> int:
    from modelyard.core import secret_keys

    key = secret_keys.new_secret_key()
    if arguments.json:
        print_json({"id": key.id, "folder": str(secret_keys.folder())})
        return 0
    say(key.id)
    note(f"the key lies in {secret_keys.folder()}: keep a copy elsewhere; without it nothing can be decrypted")
    return 0


def _trust(arguments: argparse.Namespace) -> int:
    from modelyard.core.signing import read_public_key
    from modelyard.yard.yard import Yard

    file = Path(arguments.file)
    signer = Yard.default().signing.trust(read_public_key(file), label=arguments.label or file.name)
    return _say_trusted(signer, arguments, "")


def _say_trusted(signer: TrustedKey, arguments: argparse.Namespace, more: str) -> int:
    tell(signer.to_json(), f"what {signer.id} ({signer.label}) signs is trusted{more}", as_json=arguments.json)
    return 0


def _distrust(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    signer = Yard.default().signing.withdraw(arguments.id)
    return _say_trusted(signer, arguments, " no more")


def _require_signatures(arguments: argparse.Namespace) -> int:
    from modelyard.yard.yard import Yard

    required = arguments.required == "on"
    Yard.default().signing.require(required)
    words = f"{'only signed releases are' if required else 'releases need not be signed to be'} loaded"
    tell({"required": required}, words, as_json=arguments.json)
    return 0


def _facts(key: Key) -> dict[str, Any]:
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

    number, unit = text[:-1], text[-1:]
    try:
        if unit in _UNITS and number.isascii() and number.isdecimal():
            return now + timedelta(**{_UNITS[unit]: int(number)})
        moment = datetime.fromisoformat(text)
        # A day or time without a zone is meant where it is typed.
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InputError(f"--expires {text!a:.40}", expected="30d, 12h, 45m, or a time such as 2030-12-31") from None
