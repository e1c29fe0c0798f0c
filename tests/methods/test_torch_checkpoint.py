"""Checkpoints are judged without being read; nothing that is planted in one is carried out."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.formats import torch_file
from modelyard.methods import torch_checkpoint

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2, dtype=torch.float16)}


class Planted:
    """Unpickling it leaves a trace."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return open, (str(self.trace), "w")


def saved(value: Any, *, zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "value",
    [
        TENSORS,
        {"state_dict": TENSORS},
        torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2)).state_dict(),
        OrderedDict(a=torch.nn.Parameter(torch.ones(2))),
    ],
)
def test_named_tensors_pass_and_are_read(tmp_path: Path, value: Any, zipped: bool) -> None:
    path = tmp_path / "model.pth"
    path.write_bytes(saved(value, zipped=zipped))
    found = torch_file.read(path)
    expected = value.get("state_dict", value)
    assert set(found) == set(expected)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda trace: {**TENSORS, "planted": Planted(trace)},
        lambda trace: Planted(trace),
        lambda trace: torch.nn.Linear(2, 2),
        lambda trace: {"f": torch.nn.functional.relu},
        lambda trace: {"a": np.ones(2)},
    ],
)
def test_anything_else_is_refused_and_not_run(tmp_path: Path, make: Callable[[Path], Any], zipped: bool) -> None:
    trace, path = tmp_path / "trace", tmp_path / "model.pth"
    path.write_bytes(saved(make(trace), zipped=zipped))
    with pytest.raises(InputError, match="the pickle uses"):
        torch_file.read(path)
    assert not trace.exists()


def refused(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        torch_checkpoint.check(io.BytesIO(data))
    return str(caught.value)


def test_archives_that_hold_more_are_refused(tmp_path: Path) -> None:
    def archive(names: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as made:
            for name, data in names.items():
                made.writestr(name, data)
        return file.getvalue()

    harmless = pickle.dumps({}, protocol=2)
    assert "not one data.pkl" in refused(archive({"m/data.pkl": harmless, "m/code/a.py": b"x"}))
    assert "not one data.pkl" in refused(archive({"m/data.pkl": harmless, "m/constants.pkl": harmless}))
    assert "compressed" in refused(archive({"m/data.pkl": harmless}, zipfile.ZIP_DEFLATED))
    assert "not a checkpoint" in refused(archive({"m/other": b"x"}))
    assert "the pickle uses" in refused(archive({"m/data.pkl": pickle.dumps(Planted(tmp_path / "t"), protocol=2)}))
    assert "STACK_GLOBAL" in refused(archive({"m/data.pkl": pickle.dumps(Planted(tmp_path / "t"), protocol=4)}))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.6])
def test_a_part_of_a_file_is_refused(tmp_path: Path, share: float) -> None:
    for zipped in (True, False):
        data = saved(TENSORS, zipped=zipped)
        (tmp_path / "cut.pth").write_bytes(data[: int(len(data) * share)])
        with pytest.raises(InputError):
            torch_file.read(tmp_path / "cut.pth")


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    magic = pickle.dumps(torch_checkpoint.LEGACY_MAGIC, protocol=2)
    for start in (b"", b"\x80\x02", magic, b"PK\x03\x04"):
        with pytest.raises(InputError):
            torch_checkpoint.check(io.BytesIO(start + data))
