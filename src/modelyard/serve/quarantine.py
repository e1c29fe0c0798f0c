"""Rows that ended workers, so that they do not end more of them. Keeps digests, never texts."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from modelyard.serve.batching import Job
from modelyard.serve.refusals import QuarantineError

_MOST = 1024
"""Rows that are remembered; the oldest is forgotten first."""


class Quarantine:
    """Empty at first, and as long as no worker is lost."""

    def __init__(self) -> None:
        self._digests: dict[bytes, None] = {}

    def add(self, job: Job) -> QuarantineError:
        """Keep this row out from now on; gives what its caller is told."""
        self._digests[_digest(job)] = None
        if len(self._digests) > _MOST:
            del self._digests[next(iter(self._digests))]
        return QuarantineError()

    def check(self, jobs: Sequence[Job]) -> None:
        """Let these rows in, unless one is kept out.

        Raises:
            QuarantineError: it was not tried.
        """
        if self._digests and any(_digest(job) in self._digests for job in jobs):
            raise QuarantineError


def _digest(job: Job) -> bytes:
    return hashlib.sha256(
        repr((sorted(job.row.items()), sorted(job.options.items()))).encode("utf-8", "replace")
    ).digest()
