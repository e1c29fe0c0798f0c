"""Answers that are written together: each as if it were alone, within bounds, whatever joins and leaves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import Arrays
from modelyard.core.source import Source
from modelyard.core.task import Piece
from modelyard.tasks.text_generation import continuous
from modelyard.tasks.text_generation.continuous import ContinuousWriter
from modelyard.tasks.text_generation.slots import open_cache
from modelyard.tasks.text_generation.task import TextGeneration
from modelyard.testing import tiny

TASK = TextGeneration()
TOLERANCE = 1e-5
"""How far a logit may move with what shares the batch, in float32."""
CHOICES: list[dict[str, Any]] = [
    {"max_tokens": 9},
    {"max_tokens": 1},
    {"max_tokens": 14, "temperature": 0.9, "seed": 3, "top_p": 0.8},
    {"max_tokens": 12, "temperature": 1.5, "seed": 8, "stop": ["e"]},
    {"max_tokens": 10, "repetition_penalty": 1.4},
    {"max_tokens": 11, "temperature": 1.1, "seed": 3, "top_k": 20},
]


class Watched:
    """A session that keeps the rows and new tokens of every call."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.calls: list[tuple[int, ...]] = []

    def run(self, arrays: Arrays) -> Arrays:
        self.calls.append(arrays["input_ids"].shape)
        found: Arrays = self._inner.run(arrays)
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Predictor]:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    model = TASK.adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)
    with Predictor(model, threads=1) as predictor:
        yield predictor


@pytest.fixture(scope="module")
def alone(predictor: Predictor) -> list[Any]:
    """The predictor's own answers, one text and one choice each."""
    return [
        predictor.predict([{"text": text}], **options)[0] for text, options in zip(tiny.TEXTS, CHOICES, strict=True)
    ]


def writer(predictor: Predictor, *, slots: int = 4, tokens: int = 400) -> tuple[ContinuousWriter, Watched]:
    session = Watched(predictor.session)
    return ContinuousWriter(session, predictor.processor, slots=slots, tokens=tokens), session


def finish(writing: ContinuousWriter) -> dict[int, list[Piece]]:
    """All that comes until nothing is left to do."""
    found: dict[int, list[Piece]] = defaultdict(list)
    while writing.busy:
        for key, piece in writing.step():
            assert isinstance(piece, Piece)
            found[key].append(piece)
    return found


def check(pieces: Sequence[Piece], expected: Any) -> None:
    assert "".join(piece.text for piece in pieces) == expected["text"]
    last = pieces[-1]
    assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == tuple(
        expected[name] for name in ("finish_reason", "prompt_tokens", "completion_tokens")
    )


@pytest.mark.parametrize("slots", [1, 2, 6])
def test_answers_that_are_written_together_are_those_that_are_written_alone(
    predictor: Predictor, alone: list[Any], slots: int
) -> None:
    writing, session = writer(predictor, slots=slots)
    for key, options in enumerate(CHOICES):
        writing.add(key, {"text": tiny.TEXTS[key]}, options)
    found = finish(writing)
    for key, expected in enumerate(alone):
        check(found[key], expected)
    assert max(rows for rows, _ in session.calls) == min(slots, 5)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["add", "drop", "step"]), st.integers(0, 5)), max_size=30))
def test_whatever_joins_and_leaves_changes_no_answer(
    predictor: Predictor, alone: list[Any], moves: list[tuple[str, int]]
) -> None:
    writing, _ = writer(predictor, slots=3, tokens=120)
    found: dict[int, list[Piece]] = defaultdict(list)
    choice: dict[int, int] = {}
    for key, (move, number) in enumerate(moves):
        if move == "add":
            choice[key] = number
            writing.add(key, {"text": tiny.TEXTS[number]}, CHOICES[number], owner=str(number % 2))
        elif move == "drop":
            dropped = list(choice)[number] if number < len(choice) else -1
            writing.drop(dropped)
            choice.pop(dropped, None)
        else:
            for name, piece in writing.step():
                found[name] += [piece] if isinstance(piece, Piece) else []
    for name, pieces in finish(writing).items():
        found[name] += pieces
    for key, number in choice.items():
        check(found[key], alone[number])


def test_a_long_prompt_is_read_in_pieces_while_others_go_on(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(continuous, "BESIDE", 5)
    writing, session = writer(predictor)
    writing.add(0, {"text": "hi"}, {"max_tokens": 60})
    writing.step()
    text = " ".join(tiny.TEXTS[:3])
    length = len(predictor.processor.prompt(text))
    assert length > 15
    writing.add(1, {"text": text}, {"max_tokens": 3})
    session.calls.clear()
    came = [[key for key, _ in writing.step()] for _ in range(-(-length // 5))]
    assert all(keys.count(0) == 1 for keys in came)
    assert came[-1].count(1) == 1
    assert not any(1 in keys for keys in came[:-1])
    assert max(new for _, new in session.calls) == 5
    finish(writing)


def test_answers_wait_for_room_in_the_cache_and_not_only_for_a_slot(predictor: Predictor) -> None:
    prompt = len(predictor.processor.prompt("hi"))
    writing, session = writer(predictor, slots=4, tokens=2 * (prompt + 10))
    for key in range(4):
        writing.add(key, {"text": "hi"}, {"max_tokens": 10})
    assert len(finish(writing)) == 4
    assert max(rows for rows, _ in session.calls) == 2


def test_what_is_dropped_makes_room_at_once(predictor: Predictor, alone: list[Any]) -> None:
    writing, session = writer(predictor, slots=2)
    for key in range(3):
        writing.add(key, {"text": tiny.TEXTS[0]}, CHOICES[0], owner=str(key))
    writing.step()
    writing.drop(0)
    session.calls.clear()
    assert {key for key, _ in writing.step()} == {1, 2}
    assert finish(writing)[2][-1].completion_tokens == alone[0]["completion_tokens"]
    assert writing.clear() == []


def test_prompts_of_one_owner_are_read_once(predictor: Predictor) -> None:
    text = " ".join(tiny.TEXTS[:2])
    length = len(predictor.processor.prompt(text))
    for owners, read in ((("a", "a", "a"), length + 2), (("a", "b", "c"), 3 * length)):
        writing, session = writer(predictor)
        for key, owner in enumerate(owners):
            writing.add(key, {"text": text}, {"max_tokens": 8, "temperature": 1.2, "seed": key}, owner)
        found = [pieces for _, pieces in sorted(finish(writing).items())]
        texts = ["".join(piece.text for piece in pieces) for pieces in found]
        expected = [
            predictor.predict([{"text": text}], max_tokens=8, temperature=1.2, seed=seed)[0]["text"]
            for seed in range(3)
        ]
        assert texts == expected
        # The last token of an answer that came to its limit is not read any more.
        written = sum(pieces[-1].completion_tokens - (pieces[-1].finish_reason == "length") for pieces in found)
        assert sum(rows * new for rows, new in session.calls) == read + written


def test_logits_do_not_depend_on_what_shares_the_batch(predictor: Predictor) -> None:
    prompts = [predictor.processor.prompt(text) for text in tiny.TEXTS]
    cache = open_cache(predictor.session, predictor.processor.cache, slots=len(prompts), tokens=64)
    together = cache.append(list(enumerate(prompts)))
    next_ones = [np.asarray([int(row.argmax())]) for row in together]
    after = cache.append(list(enumerate(next_ones)))
    for place, ids in enumerate(prompts):
        single = open_cache(predictor.session, predictor.processor.cache, slots=1, tokens=64)
        assert np.allclose(single.append([(0, ids)])[0], together[place], 0, TOLERANCE)
        assert np.allclose(single.append([(0, next_ones[place])])[0], after[place], 0, TOLERANCE)


def test_an_answer_that_is_no_number_fails_alone(predictor: Predictor, alone: list[Any]) -> None:
    class Broken(Watched):
        def run(self, arrays: Arrays) -> Arrays:
            found = dict(super().run(arrays))
            logits = np.array(found["logits"])
            logits[arrays["input_ids"][:, -1] == bad] = np.nan
            return found | {"logits": logits}

    bad = int(predictor.processor.prompt(tiny.TEXTS[1])[-1])
    writing = ContinuousWriter(Broken(predictor.session), predictor.processor, slots=2, tokens=200)
    writing.add(0, {"text": tiny.TEXTS[1]}, {"max_tokens": 4})
    writing.add(1, {"text": tiny.TEXTS[0]}, CHOICES[0])
    (key, error), *_ = writing.step()
    assert key == 0
    assert isinstance(error, InputError)
    assert set(finish(writing)) == {1}


def test_a_step_that_fails_leaves_nothing_behind(predictor: Predictor, alone: list[Any]) -> None:
    class Failing(Watched):
        works = True

        def run(self, arrays: Arrays) -> Arrays:
            if not self.works:
                raise RuntimeError("out of order")
            return super().run(arrays)

    session = Failing(predictor.session)
    writing = ContinuousWriter(session, predictor.processor, slots=3, tokens=200)
    for key in range(3):
        writing.add(key, {"text": tiny.TEXTS[key]}, CHOICES[0])
    session.works = False
    with pytest.raises(RuntimeError):
        writing.step()
    assert sorted(writing.clear()) == [0, 1, 2]
    session.works = True
    writing.add(7, {"text": tiny.TEXTS[0]}, CHOICES[0])
    check(finish(writing)[7], alone[0])


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [
        ("", {}, "empty"),
        ("hi", {"max_tokens": 100}, "at most 60 at once"),
        ("hi", {"sequences": 2}, "sequences"),
        ("hi", {"temperature": -1}, "temperature"),
    ],
)
def test_what_cannot_be_written_is_refused_when_it_comes(
    predictor: Predictor, text: str, options: dict[str, Any], match: str
) -> None:
    writing, _ = writer(predictor, tokens=60)
    with pytest.raises(InputError, match=match):
        writing.add(0, {"text": text}, options)
    assert not writing.busy
