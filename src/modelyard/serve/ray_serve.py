"""The same releases on Ray Serve: replicas, each a whole server of ours behind Ray's proxy, as many as the load needs.

A replica opens its releases as a server of one machine does, files hashed again, and has the same routes, keys and
rules. Knows the yard; the command line says what is served.
"""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp

from modelyard.core.addresses import is_loopback
from modelyard.core.errors import MissingExtraError, ModelyardError
from modelyard.core.signing import read_public_key
from modelyard.engines.ray import begin
from modelyard.serve.app import create_app, together
from modelyard.serve.desk import Desk
from modelyard.serve.following import Following, open_version
from modelyard.serve.keyring import Keyring
from modelyard.serve.limits import Limits
from modelyard.serve.server import bind
from modelyard.serve.watching import Watching
from modelyard.yard.yard import Yard

APPLICATION = "modelyard"
IN_FLIGHT = 8
"""Requests that a replica should have at once: above that another one is started."""
UP_SECONDS, DOWN_SECONDS = 5.0, 120.0
"""How long it must have more than that, or less, before one is started or ended."""


@dataclass(frozen=True)
class Served:
    """What every replica serves.

    Attributes:
        home: of the yard, on a disk that every machine of the cluster sees.
        references: of releases.
        local: whether requests without keys are answered where there are none: from this machine alone.
        signer: file of the public key that must have signed them.
    """

    home: Path
    references: Sequence[str]
    local: bool
    batch_rows: int = 32
    slots: int = 16
    cache_bytes: int = 10**9
    require_signature: bool = False
    signer: Path | None = None


class Replica:
    """Lives in a process of Ray's; one core runs its models."""

    def __init__(self, served: Served) -> None:
        yard = self._yard = Yard(served.home)
        signer = read_public_key(served.signer) if served.signer else None
        admit = partial(yard.signing.admit, required=served.require_signature, signer=signer)
        open_it = partial(open_version, slots=served.slots, cache_bytes=served.cache_bytes)
        self._following = Following(yard, served.references, workers=1, admit=admit, open_it=open_it)
        self._served, self._hosted = served, []
        for reference in served.references:
            version = yard.resolve(reference)
            admit(version)
            self._hosted.append(open_it(yard, version, workers=1, memory_limit=None))

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return create_app(
            self._hosted,
            limits=Limits(batch_rows=self._served.batch_rows),
            companion=together(self._following.run, Watching(self._yard).run),
            keyring=Keyring(self._yard.list_keys, local=self._served.local),
            desk=Desk(self._yard.reviews),
        )


@contextmanager
def serving(served: Served, *, host: str, port: int, least: int, most: int) -> Iterator[int]:
    """A Ray of our own that serves on this address as long as the block lasts; gives the port.

    Args:
        host: a loopback address, or any of this machine where there are keys.
        port: 0 takes a free one.
        least: replicas that are always there.
        most: replicas under load; each has a core.

    Raises:
        InputError: the address cannot be used.
        MissingExtraError: the extra is not installed.
        ModelyardError: no replica came up.
    """
    try:
        import ray
        from ray import serve
    except ModuleNotFoundError:
        raise MissingExtraError("ray", "ray") from None
    with bind(host, port, keys=Keyring(Yard(served.home).list_keys, local=is_loopback(host)).usable) as listener:
        place = listener.getsockname()
    options: dict[str, Any] = {
        "name": APPLICATION,
        # What is too much is refused by the replica, which knows its queue, with the time to come back.
        "max_ongoing_requests": Limits().queue_rows,
        "ray_actor_options": {"num_cpus": 1},
        "autoscaling_config": {
            "min_replicas": least,
            "max_replicas": most,
            "target_ongoing_requests": IN_FLIGHT,
            "upscale_delay_s": UP_SECONDS,
            "downscale_delay_s": DOWN_SECONDS,
        },
    }
    # The controller and the proxy take no whole core, but Ray counts them.
    begin(ray, most + 1)
    with ExitStack() as ending:
        ending.callback(ray.shutdown)
        serve.start(http_options={"host": place[0], "port": place[1]}, logging_config={"log_level": "ERROR"})
        ending.callback(serve.shutdown)
        deployment: Any = serve.deployment(**options)(serve.ingress()(Replica))
        try:
            serve.run(deployment.bind(served), name=APPLICATION)
        except RuntimeError as error:
            raise ModelyardError(f"no replica came up: {error}", fix="try --engine local, which says more") from None
        yield int(place[1])


def run(served: Served, labels: Sequence[str], *, host: str, port: int, least: int, most: int) -> None:
    """Serve until SIGTERM or SIGINT. Arguments and errors are those of :func:`serving`.

    Args:
        labels: ``name:version`` of each release.
    """
    ended = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: ended.set())
    with serving(served, host=host, port=port, least=least, most=most) as taken:
        for label in labels:
            sys.stderr.write(f"serving {label} on http://{host}:{taken}\n")
        sys.stderr.flush()
        ended.wait()
