"""Pickles, whatever the file is called, and NumPy files that hold one."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator

from modelyard.formats.audit.finding import Blob, Finding, Severity
from modelyard.methods import pickle_names

NUMPY = b"\x93NUMPY"
_SAFETENSORS = "safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
_FIX = f"do not load it; convert it where you trust it: {_SAFETENSORS}"
_SURELY = (".pkl", ".pickle", ".pck", ".joblib", ".dill", ".pt", ".pth", ".ckpt")
_SURELY_BIN = ("pytorch_model", "adapter_model", "training_args", "optimizer", "scheduler", "rng_state")
"""Names that promise a pickle: one that cannot be followed is then worth a word. Other ``.bin`` files are raw."""


def inspect(blob: Blob) -> Iterator[Finding]:
    """Judge a file of no other known kind: older pickles have no signature, so each is tried."""
    has_signature = blob.start[:1] == b"\x80" and blob.start[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    # The length of a safetensors header, in eight bytes, may begin with the same two.
    has_signature = has_signature and blob.start[2:8] != bytes(6)
    with blob.open() as stream:
        # A member of an archive cannot always be wound back.
        seekable = stream if stream.seekable() else io.BytesIO(stream.read(pickle_names.MOST_BYTES))
        names = pickle_names.read(seekable)
    promised = has_signature or blob.suffix in _SURELY or (blob.suffix == ".bin" and blob.base.startswith(_SURELY_BIN))
    if not promised and not names.whole and names.unsafe == (pickle_names.UNKNOWN,):
        # Raw numbers: one byte of them was taken for an instruction.
        return
    if names.unsafe:
        listed = ", ".join(names.unsafe[:6]).replace(pickle_names.UNKNOWN, "a name that is put together while it runs")
        severity = Severity.CRITICAL if names.runs_code else Severity.HIGH
        yield blob.finding(
            severity,
            f"a pickle that refers to {listed:.300}",
            expected="safetensors; a pickle runs what it names when it is loaded",
            fix=_FIX,
        )
    elif names.problem and (promised or names.found):
        yield blob.finding(
            Severity.HIGH,
            f"a pickle that cannot be followed to its end ({names.problem})",
            expected="safetensors, or a pickle whose every instruction can be read",
            fix=_FIX,
        )
    elif promised or (names.whole and names.found):
        yield blob.finding(
            Severity.LOW,
            "a pickle that rebuilds plain values and tensors only",
            expected="safetensors, which cannot hold anything else",
            fix=f"convert it: {_SAFETENSORS}",
        )


def inspect_numpy(blob: Blob) -> Iterator[Finding]:
    """A ``.npy`` file is data, unless its values are objects: those are a pickle behind the header."""
    with blob.open() as stream:
        version = stream.read(8)[6:7]
        width = 2 if version == b"\x01" else 4
        length = int.from_bytes(stream.read(width), "little")
        header = stream.read(min(length, 1 << 16)).decode("latin-1")
        try:
            described = ast.literal_eval(header.strip())["descr"]
        except (ValueError, SyntaxError, KeyError, TypeError, MemoryError, RecursionError):
            yield blob.finding(
                Severity.HIGH,
                "a NumPy file whose header cannot be read",
                expected="a header that says type and shape",
                fix="write it again: numpy.save(…, allow_pickle=False)",
            )
            return
    if "O" in str(described):
        yield blob.finding(
            Severity.HIGH,
            "a NumPy file of objects: a pickle behind its header",
            expected="an array of numbers",
            fix="write the values as numbers or text: numpy.save(…, allow_pickle=False)",
        )
