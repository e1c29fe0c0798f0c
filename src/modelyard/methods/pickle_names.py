"""Reads which names a pickle refers to, without carrying out one of its instructions.

A pickle is a program: what it can do is decided by the names that it calls. Those are found by walking its
instructions (``pickletools``), also where they are put together from texts (``STACK_GLOBAL``). A name that cannot be
read for certain counts as unknown, never as absent. Knows no file format around the pickle.
"""

from __future__ import annotations

import pickletools
import re
import warnings
from dataclasses import dataclass
from typing import BinaryIO

UNKNOWN = "?"
"""Stands for a name that cannot be told without running the pickle."""
MOST_BYTES = 64 * 2**20
"""Instructions that are looked at; arrays belong beside a pickle, not into it."""
MOST_PICKLES = 1000

_NAME = re.compile(r"[^\W\d][\w.]*(?: [^\W\d][\w.]*)?")
_TEXTS = frozenset({"UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINSTRING"}) | {
    "SHORT_BINSTRING"
}
_RECALLS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_STORES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})

SAFE = frozenset(
    {"collections.OrderedDict", "collections.defaultdict", "_codecs.encode", "copyreg._reconstructor"}
    | {f"torch._utils.{name}" for name in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter")}
    | {f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char")}
    | {"torch.ByteStorage", "torch.BoolStorage", "torch.storage.UntypedStorage", "torch.Size", "torch.device"}
    | {f"torch.{kind}" for kind in ("float16", "float32", "float64", "bfloat16", "int8", "uint8", "int16", "int32")}
    | {"torch.int64", "torch.bool", "numpy.ndarray", "numpy.dtype"}
    | {f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("_reconstruct", "scalar")}
    | {f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")}
    | {
        f"{module}.{name}"
        for module in ("builtins", "__builtin__")
        for name in ("bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "set", "slice")
    }
    | {"builtins.object", "__builtin__.object"}
    | {f"datetime.{name}" for name in ("date", "datetime", "time", "timedelta", "timezone")}
)
"""All that may be named: what rebuilds numbers, texts, containers and arrays. Everything else may do anything."""

_RUNS_CODE = frozenset(
    {"os", "posix", "nt", "subprocess", "sys", "runpy", "socket", "shutil", "importlib", "pty", "ctypes", "code"}
    | {"codeop", "webbrowser", "urllib", "http", "requests", "httpx", "pickle", "_pickle", "dill", "cloudpickle"}
    | {"types", "functools", "operator", "asyncio", "multiprocessing", "threading", "signal", "commands", "pip"}
    | {"bdb", "pdb", "timeit", "trace", "profile", "cProfile", "platform", "pydoc", "ssl", "ftplib", "smtplib"}
    | {"builtins", "__builtin__", "io", "_io", "pathlib", "tempfile", "inspect", "marshal", "imp", "zipimport"}
)
"""Modules whose names in a pickle can only be meant to run a program, read files or reach out."""


@dataclass(frozen=True)
class Names:
    """What was found in a file of pickles.

    Attributes:
        found: names as ``module.name``, and :data:`UNKNOWN`.
        problem: why the instructions could not be followed to an end; empty where they could.
        whole: pickles that were followed to their end.
    """

    found: frozenset[str]
    problem: str = ""
    whole: int = 0

    @property
    def unsafe(self) -> tuple[str, ...]:
        """Names that are not on the list, sorted."""
        return tuple(sorted(self.found - SAFE))

    @property
    def runs_code(self) -> bool:
        """Whether a name is of a module that a model never needs."""
        return any(name.split(".")[0] in _RUNS_CODE for name in self.unsafe)


def read(stream: BinaryIO) -> Names:
    """Walk the pickles that stand one after the other at the beginning of a stream.

    What follows the first whole pickle may be data of another kind; then reading ends there.
    """
    found: set[str] = set()
    whole = 0
    while whole < MOST_PICKLES:
        start = stream.tell()
        if not stream.read(1):
            break
        stream.seek(start)
        walk = _Walk()
        problem = walk.follow(stream)
        if problem and whole:
            # Raw data behind a pickle may begin like an instruction, but hardly name anything.
            walk.names.discard(UNKNOWN)
            problem = problem if walk.names else ""
        found |= walk.names
        if problem or not walk.finished:
            return Names(frozenset(found), problem, whole)
        whole += 1
    return Names(frozenset(found), "", whole)


class _Walk:
    """The names in one pickle. ``recent`` holds texts that surely lie on top of the stack, else nothing."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.recent: list[str | None] = []
        self.memo: dict[int, str | None] = {}
        self.finished = False

    def follow(self, stream: BinaryIO) -> str:
        """Walk to the end of the pickle; gives why that was not possible."""
        start = stream.tell()
        try:
            with warnings.catch_warnings():
                # Of odd escapes in what may be no pickle at all.
                warnings.simplefilter("ignore", DeprecationWarning)
                for instruction, argument, place in pickletools.genops(stream):
                    if place is not None and place - start > MOST_BYTES:
                        return f"it is longer than {MOST_BYTES} bytes"
                    self._take(instruction.name, argument)
        except (ValueError, IndexError, OverflowError, AttributeError, TypeError, KeyError) as error:
            return f"{type(error).__name__}: {error}"[:120]
        self.finished = True
        return ""

    def _take(self, name: str, argument: object) -> None:
        if name in _TEXTS:
            self.recent.append(argument if isinstance(argument, str) else None)
        elif name in _RECALLS:
            self.recent.append(self.memo.get(int(str(argument))))
        elif name in _STORES:
            self.memo[int(str(argument))] = self.recent[-1] if self.recent else None
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.recent[-1] if self.recent else None
        elif name in ("GLOBAL", "INST"):
            self._name(str(argument))
        elif name == "STACK_GLOBAL":
            module, member = self.recent[-2:] if len(self.recent) > 1 else (None, None)
            self._name(f"{module} {member}" if module and member else "")
        elif name in ("EXT1", "EXT2", "EXT4"):
            self._name("")
        elif name not in ("PROTO", "FRAME"):
            self.recent.clear()

    def _name(self, text: str) -> None:
        self.names.add(text.replace(" ", ".") if _NAME.fullmatch(text) else UNKNOWN)
        self.recent.clear()
