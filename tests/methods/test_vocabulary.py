"""Smaller vocabularies: given texts are cut as before, others are still cut, by each kind of tokenizer."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from modelyard.core.errors import InputError
from modelyard.methods.vocabulary import closure, reduced, renumbered
from modelyard.testing import tiny

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
ALPHABET = sorted({letter for text in tiny.TEXTS for letter in text})


@cache
def build(kind: str) -> Any:
    """Content of ``tokenizer.json``."""
    trainer: Any
    if kind == "WordPiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=SPECIALS)
    elif kind == "BPE":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=SPECIALS, initial_alphabet=alphabet)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIALS, unk_token="[UNK]")
    tokenizer.train_from_iterator(tiny.TEXTS * 3, trainer)
    frame = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=frame)
    return json.loads(tokenizer.to_str())


def cut(content: Any, text: str) -> tuple[list[str], list[int]]:
    encoding = Tokenizer.from_str(json.dumps(content)).encode(text)
    return encoding.tokens, encoding.ids


KINDS = pytest.mark.parametrize("kind", ["WordPiece", "BPE", "Unigram"])
WORDS = st.lists(st.sampled_from(" ".join(tiny.TEXTS).split()), min_size=1, max_size=8).map(" ".join)
OTHERS = st.text(ALPHABET, min_size=1, max_size=20)


@KINDS
@settings(max_examples=40)
@given(texts=st.lists(WORDS | OTHERS, min_size=1, max_size=4), other=OTHERS, continuations=st.booleans())
def test_given_texts_are_cut_as_before_and_others_still_are(
    kind: str, texts: list[str], other: str, continuations: bool
) -> None:
    whole = build(kind)
    seen = {token for text in texts for token in cut(whole, text)[0]}
    smaller, old = reduced(whole, closure(whole, seen, continuations=continuations))
    for text in texts:
        (tokens, ids), (after, numbers) = cut(whole, text), cut(smaller, text)
        assert after == tokens
        assert [old[number] for number in numbers] == ids
    before, after = cut(whole, other)[0], cut(smaller, other)[0]
    assert ("[UNK]" in after) == ("[UNK]" in before)
    if "[UNK]" not in after and kind != "BPE":
        assert "".join(after).replace("##", "") == "".join(before).replace("##", "")
    assert len(after) >= len(before) or kind == "Unigram"


@KINDS
def test_it_is_smaller(kind: str) -> None:
    whole = build(kind)
    smaller, old = reduced(whole, closure(whole, ["win"], continuations=False))
    assert len(old) == len(smaller["model"]["vocab"]) < len(whole["model"]["vocab"])
    numbers = [token["id"] for token in smaller["added_tokens"]]
    assert [old[number] for number in numbers] == [token["id"] for token in whole["added_tokens"]]


def test_continuing_pieces_can_stay() -> None:
    whole = build("WordPiece")
    pieces = {token for token in whole["model"]["vocab"] if token.startswith("##")}
    assert pieces <= closure(whole, [], continuations=True)
    assert not pieces <= closure(whole, [], continuations=False)


def test_a_piece_whose_characters_are_no_pieces_stays() -> None:
    model = {"type": "WordPiece", "unk_token": "u", "continuing_subword_prefix": "##"}
    vocabulary = dict.fromkeys(["u", "a", "##b", "ab", "ac", "##bc"], 0)
    kept = closure({"model": {**model, "vocab": vocabulary}, "added_tokens": []}, [], continuations=False)
    assert kept == {"u", "a", "##b", "ac", "##bc"}


def test_token_numbers_of_a_configuration_follow() -> None:
    config = {"pad_token_id": 0, "eos_token_id": [5, 7], "bos_token_id": 6, "sep_token_id": None, "hidden_size": 5}
    assert renumbered(config, [0, 5, 7]) == {"pad_token_id": 0, "eos_token_id": [1, 2], "bos_token_id": None}


@pytest.mark.parametrize("model", [{"type": "WordLevel"}, {"type": "BPE", "dropout": 0.1, "merges": []}])
def test_other_kinds_are_refused(model: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"of the kind {model['type']} cannot do with fewer"):
        closure({"model": {"vocab": {}, **model}, "added_tokens": []}, [], continuations=True)
