from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.serve.lengths import length_of


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("", 0),
        ("see you at nine", 4),
        ("Call 09061701461 now!", 2 + 4 + 1),
        ("internationally", 3),
        ("\u00fcberpr\u00fcfen", 2),
        ("\u043f\u0440\u0438\u0432\u0435\u0442", 2),
        ("\u4f60\u597d\u5417", 3),
        ("\U0001f600\U0001f600", 2),
    ],
)
def test_a_text_is_as_long_as_its_words_numbers_and_signs(text: str, pieces: int) -> None:
    assert length_of({"text": text}, 100) == pieces


@given(st.dictionaries(st.sampled_from("abc"), st.one_of(st.text(), st.integers(), st.none())), st.integers(1, 50))
def test_texts_count_together_up_to_the_most_that_a_tokenizer_keeps(row: dict[str, object], most: int) -> None:
    apart = sum(length_of({"text": value}, most) for value in row.values() if isinstance(value, str))
    assert length_of(row, most) == min(most, apart)


def test_no_more_of_a_text_is_looked_at_than_can_count() -> None:
    started = time.process_time()
    assert length_of({"text": "word " * 10_000_000}, 256) == 256
    assert time.process_time() - started < 1
