"""Judges a checkpoint that ``torch.save`` wrote by its instructions, without carrying one out.

Such a file holds pickles, and a pickle is a program. It passes only if every instruction and every name in it is on
a short list: enough to rebuild named tensors, too little to do anything else. Reading it is not done here.
Layouts: the zip archive of torch 1.6 and later, and the row of pickles before that.
"""

from __future__ import annotations

import io
import pickletools
import zipfile
from typing import BinaryIO

from modelyard.core.errors import InputError

MOST_PICKLE_BYTES = 64 * 2**20
"""A pickle names tensors; their data lie beside it."""

INSTRUCTIONS = frozenset(
    {"PROTO", "FRAME", "STOP", "MARK", "MEMOIZE"}
    | {"PUT", "BINPUT", "LONG_BINPUT", "GET", "BINGET", "LONG_BINGET"}
    | {"NONE", "NEWTRUE", "NEWFALSE", "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1"}
    | {"BINFLOAT", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"}
    | {
        "EMPTY_TUPLE",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
        "EMPTY_LIST",
        "LIST",
        "APPEND",
        "APPENDS",
        "EMPTY_DICT",
        "DICT",
        "SETITEM",
        "SETITEMS",
    }
    | {"GLOBAL", "REDUCE", "BUILD", "BINPERSID"}
)
"""What may stand in a pickle. Names come by GLOBAL alone, whose argument can be read without running anything."""

NAMES = frozenset(
    {"collections OrderedDict", "torch._utils _rebuild_tensor_v2", "torch._utils _rebuild_parameter"}
    | {f"torch {kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16")}
    | {f"torch {kind}Storage" for kind in ("Long", "Int", "Short", "Char", "Byte", "Bool")}
)
"""What may be called or referred to."""

LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_PICKLES_OF_LEGACY = 5
"""Magic number, protocol, facts of the machine, the object, keys of its storages; raw data follow."""


def is_checkpoint(file: BinaryIO) -> bool:
    """Whether the content looks like what ``torch.save`` writes; whether it is safe is another question."""
    file.seek(0)
    start = file.read(32)
    file.seek(0)
    if start.startswith(b"PK\x03\x04"):
        return zipfile.is_zipfile(file) and bool(_pickles_in_zip(file))
    return start[:1] == b"\x80" and LEGACY_MAGIC.to_bytes(10, "little") in start


def check(file: BinaryIO) -> None:
    """See that a checkpoint can do nothing but rebuild tensors.

    Args:
        file: opened for reading bytes; it is left at any position.

    Raises:
        InputError: an instruction or a name that is not on the lists, or a damaged file.
    """
    if not is_checkpoint(file):
        raise InputError("not a checkpoint of torch.save", expected="a .pth file of tensors")
    file.seek(0)
    if file.read(2) == b"PK":
        _check_zip(file)
        return
    file.seek(0)
    for _ in range(_PICKLES_OF_LEGACY):
        _check_pickle(file)


def _pickles_in_zip(file: BinaryIO) -> list[str]:
    with zipfile.ZipFile(file) as archive:
        return [name for name in archive.namelist() if name.endswith(".pkl")]


def _check_zip(file: BinaryIO) -> None:
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        pickles = [name for name in names if name.endswith(".pkl")]
        if len(pickles) != 1 or len(set(names)) != len(names) or any("/code/" in name for name in names):
            raise InputError(
                "the archive holds code, or not one data.pkl",
                expected="a state dictionary that torch.save wrote",
                fix="save model.state_dict() with safetensors.torch.save_file",
            )
        if any(item.compress_type != zipfile.ZIP_STORED for item in archive.infolist()):
            raise InputError("a compressed archive", expected="an archive as torch.save writes it, uncompressed")
        if archive.getinfo(pickles[0]).file_size > MOST_PICKLE_BYTES:
            raise InputError(f"{pickles[0]} is larger than {MOST_PICKLE_BYTES} bytes")
        try:
            data = archive.read(pickles[0])
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
            raise InputError(f"{pickles[0]} cannot be read: {error}", expected="a whole archive") from None
    _check_pickle(io.BytesIO(data))


def _check_pickle(file: BinaryIO) -> None:
    """Walk one pickle; the file is left behind its end."""
    start = file.tell()
    try:
        for instruction, argument, place in pickletools.genops(file):
            if instruction.name not in INSTRUCTIONS:
                raise _refused(f"the instruction {instruction.name}")
            if instruction.name == "GLOBAL" and argument not in NAMES:
                raise _refused(repr(argument)[1:-1].replace(" ", "."))
            if place is not None and place - start > MOST_PICKLE_BYTES:
                raise InputError(f"a pickle of more than {MOST_PICKLE_BYTES} bytes")
    except (ValueError, IndexError, OverflowError, AttributeError) as error:
        raise InputError(f"a damaged pickle: {error}", expected="a whole file") from None


def _refused(what: str) -> InputError:
    return InputError(
        f"the pickle uses {what:.120}",
        expected="nothing but what rebuilds tensors",
        fix="convert it where you trust it: safetensors.torch.save_file(model.state_dict(), 'model.safetensors')",
    )
