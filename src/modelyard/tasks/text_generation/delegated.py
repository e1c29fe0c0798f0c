"""Answers that an engine writes: it chooses the tokens and shares out its cache; text, stops and counts are made here.

So an answer has the same form on every runtime. Knows no runtime, no process and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.core.errors import InputError
from modelyard.core.runtime import TokenEngine
from modelyard.core.task import Piece
from modelyard.core.transform import Row
from modelyard.tasks.text_generation.decoding import Answer, start_one, too_long
from modelyard.tasks.text_generation.options import GenerationOptions
from modelyard.tasks.text_generation.processor import Processor


class DelegatedWriter:
    """Writes answers as :class:`ContinuousWriter` does, where a runtime writes by itself.

    Args:
        engine: with nothing to do; nobody else uses it.
        tokens: most tokens of one prompt and its answer.
    """

    def __init__(self, engine: TokenEngine, processor: Processor, *, tokens: int) -> None:
        self._engine, self._processor, self._tokens = engine, processor, tokens
        self._answers: dict[int, Answer] = {}

    @property
    def busy(self) -> bool:
        return bool(self._answers)

    def add(self, key: int, row: Row, options: Mapping[str, Any], owner: str = "") -> None:
        self.begin(key, *start_one(self._processor, row, options), owner)

    def begin(self, key: int, answer: Answer, options: GenerationOptions, owner: str = "") -> None:
        """Let an answer of which nothing is written yet wait for its turn.

        Raises:
            InputError: the cache can never hold it, or the engine cannot choose tokens so.
        """
        if answer.room > self._tokens:
            raise too_long(answer.room, self._tokens)
        # The answer's own generator, so that several to one prompt differ.
        sampling = options.sampling(int(answer.generator.integers(2**63)))
        stops = self._processor.stop_ids
        self._engine.begin(key, answer.prompt, answer.limit, sampling, stops=stops, owner=owner)
        self._answers[key] = answer

    def drop(self, key: int) -> None:
        if self._answers.pop(key, None) is not None:
            self._engine.drop(key)

    def clear(self) -> list[int]:
        keys = list(self._answers)
        for key in keys:
            self.drop(key)
        return keys

    def step(self) -> list[tuple[int, Piece | InputError]]:
        return [(key, self._take(key, tokens)) for key, tokens in self._engine.step()]

    def _take(self, key: int, tokens: Sequence[int]) -> Piece:
        """What may be shown of an answer's next tokens; those after its end are left out."""
        answer, text = self._answers[key], ""
        for token in tokens:
            text += answer.accept(token, self._processor)
            if answer.finish_reason is not None:
                # The engine ends by itself at a limit and at a token, but knows no strings.
                self.drop(key)
                break
        return Piece(text, answer.finish_reason, len(answer.prompt), len(answer.ids))
