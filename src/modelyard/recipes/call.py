"""One step on given artifacts, done once: reused by key, run in a work folder, kept in the yard.

The key covers the step's name, the code that a step can reach, the options, the digests of the
inputs and the machine, since measurements and floating-point results belong to one machine.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import modelyard
from modelyard.core.artifact import Artifact, canonical_json, hash_bytes, hash_file
from modelyard.core.options import plain
from modelyard.core.source import Source
from modelyard.core.step import Step
from modelyard.engines.local import execute
from modelyard.yard.yard import Yard


@dataclass(frozen=True)
class Result:
    """What a step made, how long it took when it ran, and whether it was already there."""

    artifact: Artifact
    seconds: float
    reused: bool


def step_key(step: Step, inputs: Sequence[Artifact | Source | None], options: Mapping[str, Any]) -> str:
    """Equal keys stand for equal work."""
    return hash_bytes(
        canonical_json(
            {
                "step": step.name,
                "code": [code_digest(), hash_file(step.source_file)],
                "options": plain(options),
                "inputs": [_identity(item) for item in inputs],
                "machine": machine(),
            }
        )
    )


def run_step(step: Step, inputs: Sequence[Artifact | Source | None], options: Mapping[str, Any], yard: Yard) -> Result:
    """The step's result, from the yard if the same work was done before.

    A second process that asks for the same work waits for the first. After a crash the step finds
    its scratch folder as it left it.
    """
    key = step_key(step, inputs, options)
    if (known := yard.recall(key)) is not None:
        return Result(known, yard.seconds(key), reused=True)
    with yard.workplace(key) as work:
        # Another process may have done it while this one waited for the lock.
        if (known := yard.recall(key)) is not None:
            return Result(known, yard.seconds(key), reused=True)
        start = time.monotonic()
        made = execute(step, inputs, options, out=work.out, scratch=work.scratch)
        seconds = time.monotonic() - start
        kept = yard.put(made)
        yard.remember(key, step.name, kept, seconds)
    return Result(kept, seconds, reused=False)


def _identity(item: Artifact | Source | None) -> Any:
    # A source's reference becomes part of the result (the model's base), so it belongs to the key.
    return [item.reference, item.digest] if isinstance(item, Source) else item.digest if item else None


@cache
def code_digest() -> str:
    """Digest of every file below the recipes, so that a mended method is not answered from the yard."""
    rooms = ("core", "methods", "networks", "formats", "tasks", "runtimes", "transforms", "engines", "steps")
    root = Path(modelyard.__file__).parent
    files = sorted(path for room in rooms for path in (root / room).rglob("*.py"))
    return hash_bytes(canonical_json([[path.relative_to(root).as_posix(), hash_file(path)] for path in files]))


@cache
def machine() -> dict[str, str | int]:
    """The processor that results and measurements belong to."""
    return {"processor": processor_name(), "cores": os.cpu_count() or 1, "system": platform.system()}


def processor_name() -> str:
    """The processor's own name where the system tells it, otherwise its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
