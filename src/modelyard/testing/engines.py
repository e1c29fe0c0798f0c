"""Conformance of an engine that writes by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from modelyard.core.runtime import Sampling, TokenEngine, WritingSession

LIMIT, STEPS = 5, 60
PROMPTS = tuple(np.arange(1, 1 + length) for length in (3, 7, 4))
"""Ids that every vocabulary has."""
GREEDY = Sampling()


def check_engine(session: WritingSession) -> None:
    """Hold the engines of a session to the contract.

    Args:
        session: of a small model whose context holds 16 tokens.
    """
    engine, beside = session.open_engine(4, 100), session.open_engine(2, 50)
    alone = [_write(engine, [prompt])[0] for prompt in PROMPTS]
    assert all(0 < len(tokens) <= LIMIT for tokens in alone), "a text has no tokens, or more than its limit"
    assert _write(engine, PROMPTS) == alone, "what is written beside a text changes it"
    ended = _write(engine, PROMPTS[:1], stops=alone[0][1:2])[0]
    assert ended == alone[0][: alone[0].index(alone[0][1]) + 1], "a text goes on after the token that ends it"
    _check_leaving(engine, beside, alone)
    warm = Sampling(temperature=1.0, seed=7)
    assert _write(engine, PROMPTS, sampling=warm) == _write(engine, PROMPTS, sampling=warm), "a seed gives two texts"
    _check_scores(engine, alone)


def _write(
    engine: TokenEngine, prompts: Sequence[np.ndarray], *, sampling: Sampling = GREEDY, stops: Iterable[int] = ()
) -> list[list[int]]:
    for key, prompt in enumerate(prompts):
        engine.begin(key, prompt, LIMIT, sampling, stops=set(stops), owner="kit")
    found = _finish(engine)
    assert set(found) == set(range(len(prompts))), "the engine told of other keys than it was given"
    return [found[key] for key in range(len(prompts))]


def _finish(engine: TokenEngine) -> dict[int, list[int]]:
    """All that comes in more steps than short texts take."""
    found: dict[int, list[int]] = defaultdict(list)
    for _ in range(STEPS):
        for key, tokens in engine.step():
            found[key] += tokens
    return found


def _check_leaving(engine: TokenEngine, beside: TokenEngine, alone: Sequence[Sequence[int]]) -> None:
    for key, prompt in enumerate(PROMPTS):
        engine.begin(key, prompt, LIMIT, GREEDY, stops=(), owner="kit")
    beside.begin(0, PROMPTS[2], LIMIT, GREEDY, stops=(), owner="another")
    begun = engine.step()
    engine.drop(1)
    engine.drop(99)
    left = _finish(engine)
    assert 1 not in left, "an engine tells of a text that was dropped"
    for key, tokens in begun:
        left[key] = [*tokens, *left[key]]
    assert [left[0], left[2]] == [alone[0], alone[2]], "a text that is dropped changes the others"
    assert _finish(beside) == {0: alone[2]}, "two engines of a session take each other's texts"


def _check_scores(engine: TokenEngine, alone: Sequence[Sequence[int]]) -> None:
    texts = [np.array([*prompt, *tokens]) for prompt, tokens in zip(PROMPTS, alone, strict=True)]
    for prompt, tokens, (logprobs, likeliest) in zip(PROMPTS, alone, engine.score(texts), strict=True):
        assert logprobs.dtype == np.float32 and likeliest.dtype == np.int32
        assert len(logprobs) == len(likeliest) == len(prompt) + len(tokens) - 1, "not every token is scored"
        assert np.isfinite(logprobs).all() and (logprobs <= 0).all(), "scores are no log probabilities"
        assert likeliest[len(prompt) - 1 :].tolist() == list(tokens), "a score contradicts what was written"
