"""Answers that an engine writes are those of our own loop; the engine here reads all again for every token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.runtime import Arrays, Sampling
from modelyard.core.source import Source
from modelyard.core.task import GeneratingTask, Piece
from modelyard.methods import sampling as choosing
from modelyard.tasks.text_generation.delegated import DelegatedWriter
from modelyard.tasks.text_generation.scoring import log_probabilities
from modelyard.testing import tiny
from modelyard.testing.engines import check_engine

CHOICES: list[dict[str, Any]] = [
    {"max_tokens": 9},
    {"max_tokens": 1},
    {"max_tokens": 14, "stop": ["e"]},
    {"max_tokens": 12, "repetition_penalty": 1.4},
    {"max_tokens": 10, "top_k": 1, "temperature": 1.0},
    {},
]


@dataclass(eq=False)
class Text:
    prompt: list[int]
    limit: int
    how: Sampling
    stops: Collection[int]
    tokens: list[int] = field(default_factory=list)
    generator: np.random.Generator = field(default_factory=np.random.default_rng)


class Engine:
    """One forward pass of the whole text for each token, each text by itself; it gives two tokens a step."""

    def __init__(self, session: Any, processor: Any, slots: int) -> None:
        self._session, self._processor, self._slots = session, processor, slots
        self.texts: dict[int, Text] = {}

    def begin(
        self, key: int, prompt: np.ndarray, limit: int, sampling: Sampling, *, stops: Collection[int], owner: str
    ) -> None:
        if sampling.temperature > 2:
            raise InputError("too warm", expected="at most 2")
        text = Text(prompt.tolist(), limit, sampling, stops)
        text.generator = np.random.default_rng(sampling.seed)
        self.texts[key] = text

    def drop(self, key: int) -> None:
        self.texts.pop(key, None)

    def step(self) -> list[tuple[int, Sequence[int]]]:
        return [(key, self._write(key, text)) for key, text in list(self.texts.items())[: self._slots]]

    def _write(self, key: int, text: Text) -> list[int]:
        for _ in range(2):
            text.tokens.append(self._choose(text))
            if text.tokens[-1] in text.stops or len(text.tokens) == text.limit:
                del self.texts[key]
                return text.tokens[-1:] if len(text.tokens) % 2 else text.tokens[-2:]
        return text.tokens[-2:]

    def _choose(self, text: Text) -> int:
        ids = np.array(text.prompt + text.tokens)
        logits = choosing.penalize(self._logits(ids)[-1], ids, text.how.repetition_penalty)
        if text.how.temperature == 0.0:
            return int(logits.argmax())
        shares = choosing.distribution(
            logits,
            temperature=text.how.temperature,
            top_k=text.how.top_k,
            top_p=text.how.top_p,
            min_p=text.how.min_p,
        )
        return choosing.draw(shares, text.generator)

    def _logits(self, ids: np.ndarray) -> np.ndarray:
        logits: np.ndarray = np.asarray(self._session.run(self._processor.collate([ids]))["logits"])[0]
        return logits

    def score(self, texts: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray]]:
        return [log_probabilities(self._logits(ids)[:-1], ids[1:]) for ids in texts]


class Writing:
    """A session with such engines; whoever asks it for logits fails."""

    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()

    def __init__(self, session: Any, processor: Any) -> None:
        self._session, self._processor = session, processor
        self.engines: list[Engine] = []

    def open_engine(self, slots: int, tokens: int) -> Engine:
        self.engines.append(Engine(self._session, self._processor, slots))
        return self.engines[-1]

    def run(self, arrays: Arrays) -> Arrays:
        raise InputError("no logits")

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    source = Source("tiny", tiny.write_causal(tmp_path_factory.mktemp("source")), "", {})
    return lookup.task("text-generation").adopt(source, tmp_path_factory.mktemp("model"), data=None, seed=0)


@pytest.fixture(scope="module")
def own(model: Model) -> Iterator[Predictor]:
    with Predictor(model, threads=1) as predictor:
        yield predictor


@pytest.fixture
def delegated(model: Model, own: Predictor) -> Iterator[Predictor]:
    with Predictor(model, threads=1) as predictor:
        predictor.session = Writing(own.session, own.processor)
        yield predictor


def task(predictor: Predictor) -> GeneratingTask:
    return cast(GeneratingTask, predictor.task)


def session(predictor: Predictor) -> Writing:
    return cast(Writing, predictor.session)


def finish(writer: Any) -> dict[int, list[Piece]]:
    found: dict[int, list[Piece]] = defaultdict(list)
    while writer.busy:
        for key, piece in writer.step():
            found[key].append(piece)
    return found


def test_the_engine_keeps_the_contract(delegated: Predictor) -> None:
    check_engine(session(delegated))


@pytest.mark.parametrize("options", CHOICES)
def test_the_likeliest_answers_are_those_of_our_own_loop(
    own: Predictor, delegated: Predictor, options: dict[str, Any]
) -> None:
    rows = [{"text": text} for text in tiny.TEXTS[:3]]
    assert delegated.predict(rows, **options) == own.predict(rows, **options)


def test_answers_join_and_leave_each_with_its_own_options(own: Predictor, delegated: Predictor) -> None:
    writer = task(delegated).writer(session(delegated), delegated.processor, slots=2, tokens=400)
    for key, (text, options) in enumerate(zip(tiny.TEXTS, CHOICES, strict=True)):
        writer.add(key, {"text": text}, options, owner="somebody")
    found = finish(writer)
    for key, (text, options) in enumerate(zip(tiny.TEXTS, CHOICES, strict=True)):
        (expected,) = own.predict([{"text": text}], **options)
        assert "".join(piece.text for piece in found[key]) == expected["text"]
        last = found[key][-1]
        assert (last.finish_reason, last.prompt_tokens, last.completion_tokens) == tuple(
            expected[name] for name in ("finish_reason", "prompt_tokens", "completion_tokens")
        )
    assert session(delegated).engines[0].texts == {}


def test_a_stream_is_the_answer_piece_by_piece(own: Predictor, delegated: Predictor) -> None:
    row = {"text": tiny.TEXTS[0]}
    assert "".join(piece.text for piece in delegated.stream(row, max_tokens=9)) == "".join(
        piece.text for piece in own.stream(row, max_tokens=9)
    )


def test_who_stops_listening_frees_the_engine(delegated: Predictor) -> None:
    growing = delegated.stream({"text": tiny.TEXTS[0]}, max_tokens=60)
    next(growing)
    (engine,) = session(delegated).engines
    assert engine.texts
    cast(Any, growing).close()
    assert not engine.texts


def test_an_answer_that_is_dropped_leaves_the_engine(own: Predictor, delegated: Predictor) -> None:
    writer = task(delegated).writer(session(delegated), delegated.processor, slots=4, tokens=400)
    for key in range(3):
        writer.add(key, {"text": tiny.TEXTS[key]}, {"max_tokens": 8})
    writer.step()
    writer.drop(1)
    writer.drop(7)
    (engine,) = session(delegated).engines
    assert set(engine.texts) == {0, 2}
    assert set(finish(writer)) == {0, 2}
    writer.add(5, {"text": tiny.TEXTS[0]}, {})
    assert writer.clear() == [5]
    assert not writer.busy
    assert not engine.texts


def test_several_answers_to_one_prompt_differ_and_come_again(delegated: Predictor) -> None:
    warm = {"temperature": 1.5, "max_tokens": 12, "sequences": 3}
    (first,), (again,) = (delegated.predict([{"text": "hello"}], seed=4, **warm) for _ in range(2))
    assert first == again
    assert len({item["text"] for item in first["sequences"]}) == 3


def test_what_can_never_be_written_is_refused_at_once(delegated: Predictor) -> None:
    writer = task(delegated).writer(session(delegated), delegated.processor, slots=4, tokens=30)
    with pytest.raises(InputError, match="may come to") as error:
        writer.add(0, {"text": "hello"}, {"max_tokens": 30})
    assert "--cache-limit" in error.value.fix
    with pytest.raises(InputError, match="too warm"):
        writer.add(0, {"text": "hello"}, {"max_tokens": 3, "temperature": 3.0})
    with pytest.raises(InputError, match="sequences: 2"):
        writer.add(0, {"text": "hello"}, {"sequences": 2})
    assert not writer.busy


def test_scores_are_those_of_the_logits(own: Predictor, delegated: Predictor, tmp_path: Path) -> None:
    import pyarrow as pa

    table = pa.table({"row": pa.array(range(len(tiny.TEXTS)), pa.int64()), "text": list(tiny.TEXTS)})
    data = Dataset.write(tmp_path, {"test": table}, parents=[])
    ours, theirs = (
        predictor.task.evaluate(predictor, data, "test", confidence=0.95, seed=0) for predictor in (delegated, own)
    )
    assert {name: measure.value for name, measure in ours.measures.items()} == pytest.approx(
        {name: measure.value for name, measure in theirs.measures.items()}, rel=1e-4
    )
    pairs = [("hello", " world"), ("", "abc"), ("free entry", " now and here")]
    assert task(delegated).likelihoods(session(delegated), delegated.processor, pairs) == pytest.approx(
        task(own).likelihoods(own.session, own.processor, pairs), rel=1e-4
    )


def test_reading_and_writing_are_timed(delegated: Predictor) -> None:
    found = []
    for work in delegated.task.workloads(delegated, 3, 20):
        for _ in range(8):
            work.run()
        found.append((work.name, work.units))
    assert found == [("prefill", 60), ("decode", 24)]
    assert not session(delegated).engines[-1].texts
    with pytest.raises(InputError, match="length 121"):
        list(delegated.task.workloads(delegated, 1, 121))


def test_our_own_loop_is_taken_where_a_session_gives_logits(own: Predictor) -> None:
    writer = task(own).writer(own.session, own.processor, slots=2, tokens=60)
    assert not isinstance(writer, DelegatedWriter)
