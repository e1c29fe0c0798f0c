from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from modelyard.serve.lengths import Lengths
from modelyard.tasks.text_classification import processor

WORDS = ["see", "you", "at", "nine", "call", "now", "!", "0", "##1", "##7", "inter", "##national", "##ly", "你", "好"]
MOST = 100


def make_processor() -> processor.Processor:
    vocabulary = {word: place for place, word in enumerate(["[UNK]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return processor.make(tokenizer, MOST, ("input_ids",), {}, ("ham", "spam"))


PROCESSOR = make_processor()
LENGTHS = Lengths(PROCESSOR, {"max_length": MOST})


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", 0),
        ("See you at nine", 4),
        ("Call 017 now!", 1 + 3 + 1 + 1),
        ("internationally", 3),
        ("nothing that it knows", 4),
        ("\u4f60\u597d", 2),
        ("\U0001f600\U0001f600", 2),
        ("\ud800 see", 1),
    ],
)
def test_a_text_is_as_long_as_the_tokens_of_its_words(text: str, tokens: int) -> None:
    assert LENGTHS.of({"text": text}) == tokens


@given(st.lists(st.sampled_from([word for word in WORDS if "#" not in word] + ["Internationally", "seeyou"])))
def test_where_no_word_touches_another_it_is_what_the_tokenizer_counts(words: list[str]) -> None:
    (encoded,) = PROCESSOR.encode([{"text": " ".join(words)}])
    assert LENGTHS.of({"text": " ".join(words)}) == len(encoded["input_ids"])


@given(st.dictionaries(st.sampled_from("abc"), st.one_of(st.text(), st.integers(), st.none())), st.integers(1, 50))
def test_texts_count_together_up_to_the_most_that_a_model_keeps(row: dict[str, object], most: int) -> None:
    lengths = Lengths(PROCESSOR, {"max_length": most})
    apart = sum(lengths.of({"text": value}) for value in row.values() if isinstance(value, str))
    assert lengths.of(row) == min(most, apart)


def test_without_a_tokenizer_each_word_counts_once() -> None:
    assert Lengths(None, {}).of({"text": "internationally known, 你好"}) == 2 + 1 + 2


def test_no_more_of_a_text_is_looked_at_than_can_count() -> None:
    started = time.process_time()
    assert LENGTHS.of({"text": "see " * 10_000_000}) == MOST
    assert time.process_time() - started < 1
