from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.refusals import RefusalError
from modelyard.serve.strict_json import parse

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=20)


@given(VALUES, st.booleans())
def test_what_json_writes_is_read_back(value: object, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode(), depth=50) == value


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not JSON"),
        (b"{} {}", "not JSON"),
        (b"{'a': 1}", "not JSON"),
        (b'{"a": 1,}', "not JSON"),
        (b'{"a": 01}', "not JSON"),
        (b'["\x01"]', "not JSON"),
        (b'\xef\xbb\xbf{"a": 1}', "not JSON"),
        (b"[NaN]", "NaN"),
        (b"[-Infinity]", "Infinity"),
        (b"[1e999]", "too large"),
        (b"[" + b"9" * 10_000 + b"]", "10000 digits"),
        (b"[0." + b"9" * 10_000 + b"]", "too large"),
        (b'{"a": 1, "a": 2}', "'a' appears twice"),
        (b'[{"b": {"a": 1, "\\u0061": 2}}]', "'a' appears twice"),
        (b'"\xff"', "byte 1"),
        (b'"\xed\xa0\x80"', "UTF-8"),
        (b'"\\ud800"', "surrogate"),
        (b'{"\\udfff": 1}', "surrogate"),
        (b'"caf\xc3', "UTF-8"),
    ],
)
def test_what_parsers_disagree_on_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(RefusalError) as caught:
        parse(body, depth=32)
    assert caught.value.status == 400
    assert reason in caught.value.message


def test_a_pair_of_surrogates_is_one_character() -> None:
    assert parse(rb'"\ud83d\ude00"', depth=1) == "😀"


@given(st.integers(1, 60), st.integers(1, 60), st.booleans())
def test_depth_counts_brackets_and_no_text(depth: int, most: int, objects: bool) -> None:
    opening, closing = (b'{"[[": ', b"}") if objects else (b"[", b"]")
    body = opening * depth + b'"[[{{\\"[[\\\\"' + closing * depth
    if depth <= most:
        assert parse(body, depth=most)
    else:
        with pytest.raises(RefusalError, match="nested"):
            parse(body, depth=most)


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'["\\"', b"[1,", b'"'])
def test_deep_and_broken_bodies_are_refused_at_once(unit: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(RefusalError):
        parse(unit * 200_000, depth=32)
    assert time.perf_counter() - started < 2


def test_wide_bodies_are_no_deep_ones() -> None:
    assert parse(b"[" + b"[]," * 10_000 + b"[]]", depth=2) == [[]] * 10_001
