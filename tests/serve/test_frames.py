from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.serve.frames import (
    Frame,
    Unpacker,
    WorkerError,
    as_failure,
    from_json,
    pack,
    pack_rows,
    to_json,
    unpack_rows,
)

VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=50)
ROWS = st.lists(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), max_size=5)


def read(data: bytes, size: int) -> list[Frame]:
    unpacker = Unpacker()
    return [frame for start in range(0, len(data), size) for frame in unpacker.feed(data[start : start + size])]


@given(st.lists(ROWS, max_size=4), st.integers(1, 40))
def test_rows_arrive_as_they_were_sent_however_they_are_cut(requests: list[list[dict[str, object]]], size: int) -> None:
    data = b"".join(pack_rows(rows, {"n": 1}, "predict") for rows in requests)
    frames = read(data, size)
    # repr: a number that is none equals itself there.
    assert [repr(unpack_rows(frame, "predict")) for frame in frames] == [repr(rows) for rows in requests]
    assert all(frame.head["options"] == {"n": 1} for frame in frames)


def test_a_frame_is_read_once_it_is_whole() -> None:
    data = pack({"a": 1}, b"tail")
    unpacker = Unpacker()
    assert unpacker.feed(data[:-1]) == []
    assert unpacker.feed(data[-1:] + data) == [Frame({"a": 1}, b"tail")] * 2


@given(st.floats(allow_nan=False))
def test_numbers_are_not_rounded(number: float) -> None:
    (frame,) = read(pack({"answers": [to_json({"score": number})]}), 1000)
    assert from_json(frame.head["answers"][0]) == {"score": number}


def test_no_number_stays_none() -> None:
    (frame,) = read(pack({"answers": [to_json({"score": math.nan})]}), 1000)
    answer = from_json(frame.head["answers"][0])
    assert not isinstance(answer, Exception)
    assert math.isnan(answer["score"])


def test_what_a_task_refuses_is_refused_alike_on_the_other_side() -> None:
    answer = from_json(to_json(InputError("what", expected="that", fix="so", where="row 3")))
    assert isinstance(answer, InputError)
    assert (answer.what, answer.expected, answer.fix, answer.where) == ("what", "that", "so", "row 3")


def test_a_failure_tells_its_kind_and_place_and_nothing_of_the_text() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 // int("0")
    item = to_json(as_failure(caught.value))
    answer = from_json(item)
    assert isinstance(answer, WorkerError)
    assert answer.kind == "ZeroDivisionError"
    assert any("test_frames.py" in frame for frame in answer.frames)
    assert "division" not in repr(item)
