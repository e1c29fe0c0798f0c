"""Names are read from pickles that nobody runs: what Python itself would look up is the known answer."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from collections.abc import Iterable
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.methods import pickle_names

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner) | st.frozensets(st.integers()),
)


class Recorder(pickle.Unpickler):
    """Python's own reader, which notes each name that it is asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.names: set[str] = set()

    def find_class(self, module: str, name: str) -> Any:
        self.names.add(f"{module}.{name}")
        return super().find_class(module, name)


@given(PLAIN, st.integers(0, 5))
def test_plain_values_are_safe_in_every_protocol(value: object, protocol: int) -> None:
    names = pickle_names.read(io.BytesIO(pickle.dumps(value, protocol)))
    assert (names.unsafe, names.problem, names.whole) == ((), "", 1)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value", [np.arange(3), np.float32(2), OrderedDict(a=1), date(2024, 1, 2), pickle.Unpickler, [print, len, print]]
)
def test_the_names_are_those_that_python_looks_up(value: object, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    reader = Recorder(data)
    reader.load()
    assert modern(pickle_names.read(io.BytesIO(data)).found) == modern(reader.names)


def modern(names: Iterable[str]) -> set[str]:
    """Up to protocol 2 names are written as Python 2 had them, and the reader translates some."""
    return {name.replace("__builtin__.", "builtins.").replace("copy_reg.", "copyreg.") for name in names}


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(data: bytes) -> None:
    assert isinstance(pickle_names.read(io.BytesIO(data)).found, frozenset)


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02\x82\x01.",  # a number of the extension registry
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x940h\x00\x93.",  # a text is taken off the stack again
        b"\x80\x04h\x05h\x06\x93.",  # names out of a memo that holds none
    ],
)
def test_a_name_that_cannot_be_told_is_unknown(data: bytes) -> None:
    assert pickle_names.read(io.BytesIO(data)).unsafe == (pickle_names.UNKNOWN,)
