"""``modelyard serve``: releases behind HTTP on this machine."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard.serve.alarm_bell import Bell
    from modelyard.yard.registry import Version
    from modelyard.yard.yard import Yard

NOT_ON_RAY = (
    "grpc_port",
    "memory_limit",
    "alarm_webhook",
    "alarm_secret",
    "alarm_plain_http",
    "traces",
    "trace_share",
    "tls_cert",
    "tls_key",
)
"""Options of a server of one machine; Ray's proxy knows none of them."""


class Serve:
    name = "serve"
    summary = "answer over HTTP: Open Inference Protocol v2 and, for text generation, OpenAI's"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "release",
            nargs="+",
            metavar="NAME[@ALIAS|:VERSION]",
            help="releases in the yard; promotions take effect while they are served, a number stays",
        )
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument(
            "--port", type=int, default=8080, help="port to listen on, 0 for a free one (default: 8080)"
        )
        parser.add_argument(
            "--grpc-port", type=int, metavar="PORT", help="speak gRPC too, on this port; 0 for a free one"
        )
        parser.add_argument(
            "--workers",
            type=int,
            metavar="N",
            help="processes of one core that run each model (default: one a core; for generated text one of all); "
            "with --engine ray most replicas",
        )
        parser.add_argument(
            "--engine", choices=("local", "ray"), default="local", help="what runs the processes (default: local)"
        )
        parser.add_argument(
            "--least-workers", type=int, metavar="N", help="with --engine ray, replicas without load (default: 1)"
        )
        parser.add_argument(
            "--batch-rows",
            type=int,
            default=32,
            metavar="N",
            help="most rows in one call of a model; with 1 an answer never depends on what else is asked (default: 32)",
        )
        parser.add_argument(
            "--slots",
            type=int,
            default=16,
            metavar="N",
            help="answers of generated text that a worker writes at once (default: 16)",
        )
        parser.add_argument(
            "--cache-limit",
            default="1GB",
            metavar="SIZE",
            help="what keys and values of generated text may take in a worker; answers wait for room (default: 1GB)",
        )
        parser.add_argument(
            "--memory-limit",
            metavar="SIZE",
            help="what the models may take together, such as 2GB: beyond, those asked last are loaded "
            "(default: $MODELYARD_MEMORY_LIMIT, or no limit)",
        )
        parser.add_argument(
            "--arena",
            choices=("keep", "release"),
            help="keep the memory of a call for the next one, or release it after the call (default: $MODELYARD_ARENA, "
            "or keep)",
        )
        parser.add_argument(
            "--require-signature", action="store_true", help="load only what is signed by a key that the yard trusts"
        )
        parser.add_argument("--signer", metavar="FILE", help="load only what is signed with this public key (PEM)")
        parser.add_argument(
            "--alarm-webhook",
            metavar="URL|@FILE",
            help="told when requirements are not kept, in place of what recipes say; @FILE is a file with the URL",
        )
        parser.add_argument("--alarm-secret", metavar="FILE", help="signs what is sent there (HMAC-SHA256)")
        parser.add_argument(
            "--alarm-plain-http", action="store_true", help="--alarm-webhook may be http to another machine"
        )
        parser.add_argument(
            "--traces",
            metavar="URL",
            help="send traces to a collector, http://HOST:4318 (default: $OTEL_EXPORTER_OTLP_ENDPOINT, or none)",
        )
        parser.add_argument(
            "--trace-share", type=float, metavar="SHARE", help="of requests that are traced unasked (default: all)"
        )
        parser.add_argument("--tls-cert", metavar="FILE", help="certificate with its chain, PEM: serve over HTTPS")
        parser.add_argument("--tls-key", metavar="FILE", help="the certificate's private key, PEM")

    def run(self, arguments: argparse.Namespace) -> int:
        from contextlib import ExitStack
        from functools import partial
        from pathlib import Path

        from modelyard.core import memory
        from modelyard.core.errors import InputError
        from modelyard.core.signing import read_public_key
        from modelyard.serve.app import together
        from modelyard.serve.desk import Desk
        from modelyard.serve.following import Following, open_version
        from modelyard.serve.limits import Limits
        from modelyard.serve.lodging import assign
        from modelyard.serve.server import Tls, run
        from modelyard.serve.tracing import open_tracing
        from modelyard.serve.watching import Watching
        from modelyard.yard.yard import Yard

        if arguments.workers is not None and not 1 <= arguments.workers <= 256:
            raise InputError(f"--workers {arguments.workers}", expected="1 to 256")
        if not 1 <= arguments.batch_rows <= 4096:
            raise InputError(f"--batch-rows {arguments.batch_rows}", expected="1 to 4096")
        if not 1 <= arguments.slots <= 1024:
            raise InputError(f"--slots {arguments.slots}", expected="1 to 1024")
        _check_engine(arguments)
        if (arguments.tls_cert is None) != (arguments.tls_key is None):
            raise InputError("half of what TLS needs", expected="--tls-cert and --tls-key")
        tls = Tls(Path(arguments.tls_cert), Path(arguments.tls_key)) if arguments.tls_cert else None
        bell, tracing = _make_bell(arguments), open_tracing(arguments.traces, arguments.trace_share)
        yard = Yard.default()
        # Workers are processes that inherit it.
        os.environ[memory.ARENA] = arguments.arena or memory.stated_arena()
        limit = memory.read_size(arguments.memory_limit, "--memory-limit") if arguments.memory_limit else None
        signer = read_public_key(Path(arguments.signer)) if arguments.signer else None
        admit = partial(yard.signing.admit, required=arguments.require_signature, signer=signer)
        cache_bytes = memory.read_size(arguments.cache_limit, "--cache-limit")
        open_it = partial(open_version, slots=arguments.slots, cache_bytes=cache_bytes)
        versions = [yard.resolve(reference) for reference in arguments.release]
        for version in versions:
            admit(version)
        if arguments.engine == "ray":
            return _run_on_ray(arguments, yard, versions, cache_bytes)
        limit = memory.stated_limit() if limit is None else limit
        how: dict[str, Any] = {"workers": arguments.workers, "memory_limit": limit, "admit": admit, "open_it": open_it}
        lodging = assign(yard, arguments.release, versions, **how)
        with ExitStack() as opened:
            hosted = []
            for open_first in lodging.first:
                item = open_first()
                opened.callback(item.source.close)
                hosted.append(item)
            following = Following(yard, arguments.release, **how)
            details = {"host": arguments.host, "port": arguments.port, "models": [item.reference for item in versions]}
            yard.record("start server", "", details)
            opened.callback(yard.record, "stop server", "", details)
            run(
                hosted,
                host=arguments.host,
                port=arguments.port,
                limits=Limits(batch_rows=arguments.batch_rows),
                desk=Desk(yard.reviews),
                companion=together(following.run, Watching(yard, bell=bell).run),
                keys=yard.list_keys,
                tls=tls,
                tracing=tracing,
                grpc_port=arguments.grpc_port,
                lodgers=lodging.lodgers,
                memory_limit=lodging.room,
            )
        return 0


def _check_engine(arguments: argparse.Namespace) -> None:
    from modelyard.core.errors import InputError

    if arguments.engine == "local":
        if arguments.least_workers is not None:
            raise InputError("--least-workers goes with --engine ray", fix="--workers N says how many there are")
        return
    for name in NOT_ON_RAY:
        value = getattr(arguments, name)
        if value is not None and value is not False:
            raise InputError(f"--{name.replace('_', '-')} does not go with --engine ray", fix="leave it out")
    if not 1 <= (arguments.least_workers or 1) <= (arguments.workers or 256):
        raise InputError(f"--least-workers {arguments.least_workers}", expected="from 1 to what --workers says")


def _run_on_ray(arguments: argparse.Namespace, yard: Yard, versions: Sequence[Version], cache_bytes: int) -> int:
    from pathlib import Path

    from modelyard.core.addresses import is_loopback
    from modelyard.core.processors import cores
    from modelyard.serve import ray_serve

    for version in versions:
        # Each replica hashes it again: a damaged one is told here, where somebody reads it.
        yard.model(version)
    served = ray_serve.Served(
        yard.home,
        arguments.release,
        local=is_loopback(arguments.host),
        batch_rows=arguments.batch_rows,
        slots=arguments.slots,
        cache_bytes=cache_bytes,
        require_signature=arguments.require_signature,
        signer=Path(arguments.signer).absolute() if arguments.signer else None,
    )
    least = arguments.least_workers or 1
    most = max(least, arguments.workers or cores())
    labels = [version.reference for version in versions]
    ray_serve.run(served, labels, host=arguments.host, port=arguments.port, least=least, most=most)
    return 0


def _make_bell(arguments: argparse.Namespace) -> Bell:
    from pathlib import Path

    from modelyard.core.addresses import check_url
    from modelyard.core.errors import InputError
    from modelyard.methods.rules import Told
    from modelyard.serve.alarm_bell import Bell
    from modelyard.serve.webhook import read_secret

    url: str | None = arguments.alarm_webhook
    if url is not None and url.startswith("@"):
        try:
            url = Path(url[1:]).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            raise InputError(f"--alarm-webhook: the file cannot be read: {error}", where=url[1:]) from None
    if url is not None:
        check_url(url, plain=arguments.alarm_plain_http)
    told = Told(url, arguments.alarm_plain_http) if url is not None else None
    return Bell(told, secret=read_secret(Path(arguments.alarm_secret)) if arguments.alarm_secret else None)
