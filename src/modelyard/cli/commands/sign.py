"""``modelyard sign``: vouch for a release with a private key."""

from __future__ import annotations

import argparse
from pathlib import Path

from modelyard.cli.command import add_json, print_json, say


class Sign:
    name = "sign"
    summary = "sign a release with a private key (modelyard keys signing-new)"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("release", metavar="NAME[@ALIAS|:VERSION]", help="a release in the yard")
        parser.add_argument("--key", required=True, metavar="FILE", help="the private key, PEM")
        add_json(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        from modelyard.core.signing import read_signer
        from modelyard.yard.yard import Yard

        yard = Yard.default()
        signer = read_signer(Path(arguments.key))
        version = yard.resolve(arguments.release)
        yard.signing.sign(version, signer)
        signatures = yard.signing.signatures(version)
        if arguments.json:
            print_json({**version.to_json(), "signatures": [signature.to_json() for signature in signatures]})
        else:
            state = next(signature.state for signature in signatures if signature.public == signer.public)
            trusted = "" if state == "good" else f"; this yard does not trust the key: {state}"
            say(f"{version.reference} is signed with {signer.public.id}{trusted}")
        return 0
