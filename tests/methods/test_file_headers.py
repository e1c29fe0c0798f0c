"""Sound headers of safetensors and GGUF pass; every kind of lie in them is refused."""

from __future__ import annotations

import contextlib
import io
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from modelyard.core.errors import InputError
from modelyard.methods import gguf_header, safetensors_header


def check_safetensors(data: bytes) -> int:
    return safetensors_header.check(io.BytesIO(data), len(data))


def check_gguf(data: bytes) -> int:
    return gguf_header.check(io.BytesIO(data), len(data))


def safetensors_file(header: object, body: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def tensor(start: int, stop: int, shape: list[Any], dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "bool"])
def test_what_safetensors_writes_is_sound(dtype: str) -> None:
    tensors = {"a": np.ones((3, 4), dtype), "b": np.ones((), dtype), "c": np.ones((0, 2), dtype)}
    assert check_safetensors(save(tensors, {"k": "v"})) == 13


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "header"),
        (b"\x80\x02}q\x00.", "header"),
        ((2**62).to_bytes(8, "little") + b"{}", "header of"),
        ((2**25).to_bytes(8, "little") + bytes(2**25), "header of"),
        (safetensors_file(b"{" + b'"a":[' * 100_000, b""), "cannot be read"),
        (safetensors_file(b'{"a": 1' + b"0" * 10_000 + b"}", b""), "cannot be read"),
        (safetensors_file(b"\xff\xfe{}", b""), "cannot be read"),
        (safetensors_file([], b""), "not a mapping"),
        (safetensors_file({"__metadata__": {"a": 1}}, b""), "metadata"),
        (safetensors_file(b'{"a":' + json.dumps(tensor(0, 4, [1])).encode() + b',"a":{}}', bytes(4)), "doubled"),
        (safetensors_file({"a": tensor(0, 8, [2]), "b": tensor(4, 12, [2])}, bytes(12)), "overlaps"),
        (safetensors_file({"a": tensor(0, 4, [1]), "b": tensor(8, 12, [1])}, bytes(12)), "gap"),
        (safetensors_file({"a": tensor(0, 400, [100])}, bytes(8)), "end at byte 400"),
        (safetensors_file({"a": tensor(0, 4, [1])}, bytes(8)), "end at byte 4"),
        (safetensors_file({"a": tensor(0, 4, [2])}, bytes(4)), "size that its shape"),
        (safetensors_file({"a": tensor(0, 4, [2**63, 2**63])}, bytes(4)), "size that its shape"),
        (safetensors_file({"a": tensor(4, 0, [-1])}, bytes(4)), "lacks"),
        (safetensors_file({"a": tensor(0, 4, [True])}, bytes(4)), "lacks"),
        (safetensors_file({"a": tensor(0, 4, [1], "OBJECT")}, bytes(4)), "lacks"),
        (safetensors_file({"a": 3}, bytes(4)), "lacks"),
    ],
)
def test_an_unsound_safetensors_file_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(InputError, match=word):
        check_safetensors(data)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def gguf_file(
    *, tensors: bytes = b"", counts: tuple[int, int] = (0, 0), entries: bytes = b"", body: bytes = b""
) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, *counts) + entries + tensors
    return head + bytes(-len(head) % 32) + body


def info(name: str, shape: list[int], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def alignment(value: int) -> bytes:
    return text("general.alignment") + struct.pack("<II", 4, value)


def test_what_gguf_writes_is_sound(tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "a.gguf", "llama")
    writer.add_array("tokens", ["a", "bc"])
    writer.add_float32("scale", 0.5)
    writer.add_custom_alignment(64)
    writer.add_tensor("a", np.ones((3, 4), np.float32))
    writer.add_tensor("b", np.ones(5, np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert check_gguf((tmp_path / "a.gguf").read_bytes()) == 17


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"GGUF", "too early|out of the file"),
        (b"GGML" + bytes(20), "no GGUF"),
        (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "no GGUF"),
        (gguf_file(counts=(2**60, 0)), "tensors and"),
        (gguf_file(counts=(0, 2**60)), "tensors and"),
        (gguf_file(counts=(0, 1), entries=struct.pack("<Q", 2**40) + bytes(20)), "name of"),
        (gguf_file(counts=(0, 1), entries=text("k") + struct.pack("<IQ", 8, 2**40)), "out of the file"),
        (gguf_file(counts=(0, 1), entries=text("k") + struct.pack("<IIQ", 9, 8, 2**60)), "items"),
        (gguf_file(counts=(0, 1), entries=text("k") + struct.pack("<IIQ", 9, 4, 2**60)), "out of the file"),
        (
            gguf_file(counts=(0, 1), entries=text("k") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 9),
            "unknown type",
        ),
        (gguf_file(counts=(0, 1), entries=text("k") + struct.pack("<I", 99) + bytes(8)), "unknown type"),
        (gguf_file(counts=(0, 1), entries=alignment(0)), "alignment"),
        (gguf_file(counts=(0, 1), entries=alignment(33)), "alignment"),
        (gguf_file(counts=(1, 0), tensors=info("a", [4], 0, 0), body=bytes(15)), "leaves the file"),
        (gguf_file(counts=(1, 0), tensors=info("a", [4], 0, 2**62), body=bytes(16)), "leaves the file"),
        (gguf_file(counts=(1, 0), tensors=info("a", [2**63, 2**63], 0, 0), body=bytes(16)), "leaves the file"),
        (gguf_file(counts=(1, 0), tensors=info("a", [4], 0, 3), body=bytes(64)), "aligned"),
        (gguf_file(counts=(1, 0), tensors=info("a", [33], 2, 0), body=bytes(64)), "whole blocks"),
        (gguf_file(counts=(1, 0), tensors=info("a", [4], 999, 0), body=bytes(16)), "unknown type"),
        (gguf_file(counts=(1, 0), tensors=info("a", [1] * 9, 0, 0), body=bytes(16)), "dimensions"),
        (gguf_file(counts=(2, 0), tensors=info("a", [16], 0, 0) + info("b", [4], 0, 32), body=bytes(96)), "overlaps"),
    ],
)
def test_an_unsound_gguf_file_is_refused(data: bytes, word: str) -> None:
    with pytest.raises(InputError, match=word):
        check_gguf(data)


SOUND_SAFETENSORS = save({"a": np.ones((2, 2), np.float32), "b": np.ones(3, np.int64)})
SOUND_GGUF = gguf_file(counts=(1, 1), entries=alignment(32), tensors=info("a", [4], 0, 0), body=bytes(16))


@pytest.mark.parametrize(("sound", "check"), [(SOUND_SAFETENSORS, check_safetensors), (SOUND_GGUF, check_gguf)])
@given(st.data())
def test_no_damage_leads_to_anything_but_a_clear_refusal(
    sound: bytes, check: Callable[[bytes], None], data: st.DataObject
) -> None:
    check(sound)
    damaged = bytearray(sound)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    length = data.draw(st.integers(0, len(damaged)))
    with contextlib.suppress(InputError):
        check(bytes(damaged[:length]))
