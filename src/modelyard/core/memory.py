"""Memory: what a model will take, the limit that the user states, what is kept between calls, and what is held.

A model that is larger than the limit is refused before anything of it is loaded. Knows numbers of bytes and
Linux's files about a process; what a model takes in a runtime, the runtime says.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast, get_args, runtime_checkable

from modelyard.core import lookup
from modelyard.core.errors import InputError
from modelyard.core.model import Model

LIMIT = "MODELYARD_MEMORY_LIMIT"
"""Environment variable with the limit, such as ``2GB``; processes that are started inherit it."""
ARENA = "MODELYARD_ARENA"
"""Environment variable with one of :data:`Arena`; processes that are started inherit it."""
MEGABYTE = 1e6

Arena = Literal["keep", "release"]
"""What a session does with the memory of a call: ``keep`` it for the next one, or ``release`` it after the call."""

_UNITS = {"": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


@runtime_checkable
class Weighing(Protocol):
    """A runtime that foretells what its sessions take."""

    def memory_bytes(self, model: Model) -> int:
        """Bytes that opening the model takes at its highest point, beside code; from headers and sizes of files."""
        ...


def read_size(text: str, where: str) -> int:
    """Bytes of ``500MB``, ``1.5 GiB`` or ``123456``.

    Raises:
        InputError: it is no such size, or nothing; names ``where``.
    """
    match = _SIZE.fullmatch(text)
    unit = match[2].upper() if match else None
    if match is None or unit not in _UNITS or float(match[1]) * _UNITS[unit] < 1:
        raise InputError(f"{where}: {text!r}", expected="a size such as 500MB, 2GB or 1.5GiB")
    return int(float(match[1]) * _UNITS[unit])


def stated_limit() -> int | None:
    """The limit of the environment in bytes, or None.

    Raises:
        InputError: it cannot be read.
    """
    text = os.environ.get(LIMIT, "")
    return read_size(text, LIMIT) if text.strip() else None


def stated_arena() -> Arena:
    """What the environment says of the memory of a call; ``keep`` where it says nothing.

    Raises:
        InputError: it says something else.
    """
    text = os.environ.get(ARENA, "").strip() or "keep"
    if text not in get_args(Arena):
        raise InputError(f"{ARENA}: {text!r}", expected=", ".join(get_args(Arena)))
    return cast(Arena, text)


def memory_bytes(model: Model) -> int:
    """What opening the model takes: as its runtime says, otherwise the bytes of its files."""
    runtime = lookup.runtime(model.runtime)
    return runtime.memory_bytes(model) if isinstance(runtime, Weighing) else model.size_bytes


def require_models(models: Sequence[Model], limit: int | None = None) -> None:
    """Refuse models that together need more than the limit.

    Args:
        models: what will be open at the same time.
        limit: bytes; None for that of the environment, and without one everything passes.

    Raises:
        InputError: with what is needed and the limit.
    """
    limit = stated_limit() if limit is None else limit
    if limit is not None:
        runtimes = ", ".join(sorted({model.runtime for model in models}))
        require(sum(map(memory_bytes, models)), limit, f"{len(models)} models" if models[1:] else "the model", runtimes)


def require(needed: int, limit: int | None, what: str, runtime: str) -> None:
    """Refuse what needs more than the limit.

    Args:
        needed: bytes.
        limit: bytes, or None.
        what: what would be loaded, as the subject of a sentence.
        runtime: where it would be.

    Raises:
        InputError: with both figures and what can be done.
    """
    if limit is not None and needed > limit:
        raise InputError(
            f"{what} would take {_spell(needed)} on the runtime {runtime}; the limit is {_spell(limit)}",
            expected=f"at most {_spell(limit)} for weights, before code and activations",
            fix=f"quantize or prune the model first, or raise the limit ({LIMIT} or --memory-limit)",
        )


def _spell(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / MEGABYTE:.1f} MB"


@dataclass(frozen=True)
class ProcessMemory:
    """Bytes that a process holds now.

    Attributes:
        resident: all of it that lies in memory.
        private: what no file stands behind; every further process with the same model takes it again.
        shared: pages of files (code, memory-mapped weights); the system keeps one copy for all processes.
        proportional: ``resident`` with each page divided by the number of processes that map it.
        peak: the most that was ever resident.
    """

    resident: int
    private: int
    shared: int
    proportional: int
    peak: int


def process_memory(process: int | str = "self") -> ProcessMemory | None:
    """What a process of this user holds; None where the system does not tell.

    From Linux's ``/proc/PID/smaps_rollup`` and ``status``. Not from getrusage, whose peak is handed down by the
    process that started this one.
    """
    try:
        lines = [
            line.split()
            for name in ("smaps_rollup", "status")
            for line in Path(f"/proc/{process}/{name}").read_text(encoding="ascii").splitlines()
        ]
    except (OSError, UnicodeDecodeError):
        return None
    found = {words[0].rstrip(":"): int(words[1]) * 1024 for words in lines if len(words) == 3 and words[2] == "kB"}
    if not {"Rss", "Pss", "Anonymous", "VmHWM"} <= set(found):
        return None
    resident, private = found["Rss"], found["Anonymous"]
    return ProcessMemory(resident, private, resident - private, found["Pss"], found["VmHWM"])
