"""One answer as it grows: which token comes next, what of it may be shown, and when it ends.

Knows logits, and no model and no batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.runtime import KeyValueCache
from modelyard.core.transform import Row
from modelyard.methods import sampling
from modelyard.methods.stop_strings import StopStrings
from modelyard.tasks.text_generation.options import GenerationOptions, read
from modelyard.tasks.text_generation.processor import Processor

CHUNK = 512
"""Prompt tokens of one call: bounds the memory that attention takes, and how late a stop is noticed."""


@dataclass
class Answer:
    """One sequence as it grows."""

    row: int
    prompt: np.ndarray
    limit: int
    generator: np.random.Generator
    stops: StopStrings
    detokenizer: Any
    ids: list[int] = field(default_factory=list)
    text: str = ""
    finish_reason: str | None = None

    @property
    def room(self) -> int:
        """Tokens of cache that it may come to hold."""
        return len(self.prompt) + self.limit

    def choose(self, logits: np.ndarray, options: GenerationOptions) -> int:
        """The next token for logits of shape (vocabulary,)."""
        if not np.isfinite(logits.max()):
            raise InputError("the model's answer is not a finite number", fix="use a model of higher precision")
        if options.repetition_penalty != 1.0:
            seen = np.concatenate([self.prompt, np.asarray(self.ids, dtype=np.int64)])
            logits = sampling.penalize(logits, seen, options.repetition_penalty)
        if options.temperature == 0.0:
            return int(logits.argmax())
        probabilities = sampling.distribution(
            logits, temperature=options.temperature, top_k=options.top_k, top_p=options.top_p, min_p=options.min_p
        )
        return sampling.draw(probabilities, self.generator)

    def accept(self, token: int, processor: Processor) -> str:
        """Take the token up and return the text that may be shown now."""
        if token in processor.stop_ids:
            self.finish_reason = "stop"
            shown = self.stops.flush()
        else:
            self.ids.append(token)
            # Nothing comes while the bytes so far are no whole character.
            shown = self.stops.feed(self.detokenizer.step(processor.tokenizer, token) or "")
            if self.stops.stopped:
                self.finish_reason = "stop"
            elif len(self.ids) == self.limit:
                self.finish_reason = "length"
                shown += self.stops.flush()
        self.text += shown
        return shown


def start(processor: Processor, prompts: Sequence[np.ndarray], options: GenerationOptions) -> list[Answer]:
    """Empty answers, ``options.sequences`` to each prompt, prompt by prompt.

    Raises:
        InputError: a prompt and its answer do not fit into the context.
    """
    from tokenizers.decoders import DecodeStream

    return [
        Answer(
            row=row,
            prompt=prompt,
            limit=options.tokens_after(len(prompt), processor.context),
            # Not drawn from one stream: an answer must not depend on its neighbours.
            generator=np.random.default_rng([options.seed, sequence]),
            stops=StopStrings(options.stops),
            # The end of the prompt decides whether the first token begins with a blank.
            detokenizer=DecodeStream(prompt[-5:].tolist(), skip_special_tokens=True),
        )
        for row, prompt in enumerate(prompts)
        for sequence in range(options.sequences)
    ]


def start_one(processor: Processor, row: Row, options: Mapping[str, Any]) -> tuple[Answer, GenerationOptions]:
    """The one empty answer to a row, and how it is to be written.

    Raises:
        InputError: the row or an option cannot be used.
    """
    chosen = read(options)
    if chosen.sequences != 1:
        raise InputError(f"options: sequences: {chosen.sequences} for one answer", expected="1")
    (answer,) = start(processor, [processor.prompt(str(row["text"]))], chosen)
    return answer, chosen


def too_long(needed: int, tokens: int) -> InputError:
    """What is said of an answer that no cache of this size can hold."""
    return InputError(
        f"prompt and answer may come to {needed} tokens",
        expected=f"at most {tokens} at once",
        fix="ask for fewer tokens, or serve with a larger --cache-limit",
    )


def read_prompts(cache: KeyValueCache, prompts: Sequence[np.ndarray]) -> np.ndarray:
    """Read prompts of one length into the first slots; logits after the last token of each, (prompts, vocabulary)."""
    for begin in range(0, len(prompts[0]), CHUNK):
        logits = cache.append([(slot, ids[begin : begin + CHUNK]) for slot, ids in enumerate(prompts)])
    return logits
