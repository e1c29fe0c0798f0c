"""The decoding loop: prompts through the network once, then token by token with the cache.

Sequences of a batch share every call; one that ends leaves the batch. Knows sessions, no runtime.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from modelyard.core.errors import InputError
from modelyard.core.runtime import Arrays, Session
from modelyard.methods import sampling
from modelyard.methods.stop_strings import StopStrings
from modelyard.tasks.text_generation.options import GenerationOptions
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


def decode(
    session: Session, processor: Processor, answers: Sequence[Answer], options: GenerationOptions
) -> Iterator[tuple[Answer, str]]:
    """Generate until every answer has ended; gives each answer with the text that came, token by token."""
    prompts = [answer.prompt for answer in answers[:: options.sequences]]
    logits, state = prefill(session, processor.collate(prompts))
    logits = np.repeat(logits, options.sequences, axis=0)
    state.select(np.repeat(np.arange(len(prompts)), options.sequences))
    live = list(answers)
    while True:
        tokens = [answer.choose(row, options) for answer, row in zip(live, logits, strict=True)]
        for answer, token in zip(live, tokens, strict=True):
            yield answer, answer.accept(token, processor)
        stay = [place for place, answer in enumerate(live) if answer.finish_reason is None]
        if not stay:
            return
        state.select(np.asarray(stay))
        live = [live[place] for place in stay]
        logits = state.step(session, np.asarray([tokens[place] for place in stay]))


@dataclass
class State:
    """The cache of a batch, and where each of its sequences is."""

    mask: np.ndarray
    position: np.ndarray
    cache: dict[str, np.ndarray]

    def select(self, rows: np.ndarray) -> None:
        """Keep these sequences, in this order; one may be named several times."""
        if np.array_equal(rows, np.arange(len(self.position))):
            return
        self.mask, self.position = self.mask[rows], self.position[rows]
        self.cache = {name: np.asarray(array)[rows] for name, array in self.cache.items()}

    def step(self, session: Session, tokens: np.ndarray) -> np.ndarray:
        """Append one token to each sequence; logits of the next, (batch, vocabulary)."""
        self.mask = np.concatenate([self.mask, np.ones((len(tokens), 1), np.int64)], axis=1)
        self.position = self.position + 1
        arrays = {
            "input_ids": tokens[:, None],
            "attention_mask": self.mask,
            "position_ids": self.position[:, None],
            "logits_at": np.zeros((len(tokens), 1), np.int64),
        }
        logits, self.cache = _call(session, arrays | self.cache)
        return logits


def prefill(session: Session, batch: Arrays) -> tuple[np.ndarray, State]:
    """Logits after the last token of each prompt, (batch, vocabulary), and the cache of the prompts."""
    cache = {name: array for name, array in batch.items() if name.startswith("past.")}
    width = batch["input_ids"].shape[1]
    for begin in range(0, width, CHUNK):
        end = min(begin + CHUNK, width)
        arrays = {
            "input_ids": batch["input_ids"][:, begin:end],
            "attention_mask": batch["attention_mask"][:, :end],
            "position_ids": batch["position_ids"][:, begin:end],
            "logits_at": np.full((len(batch["input_ids"]), 1), end - begin - 1),
        }
        logits, cache = _call(session, arrays | cache)
    return logits, State(batch["attention_mask"], batch["position_ids"][:, -1], cache)


def _call(session: Session, arrays: Arrays) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    outputs = session.run(arrays)
    cache = {name.replace("present", "past"): array for name, array in outputs.items() if name.startswith("present.")}
    return np.asarray(outputs["logits"])[:, -1], cache
