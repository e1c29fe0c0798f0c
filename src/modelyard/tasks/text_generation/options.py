"""What a caller may choose for one answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from modelyard.core.errors import InputError
from modelyard.core.options import Between, check
from modelyard.core.runtime import Sampling

MOST_STOPS = 16
DEFAULT_TOKENS = 256


@dataclass(frozen=True)
class GenerationOptions:
    """How an answer is generated.

    Attributes:
        max_tokens: most tokens of the answer; by default 256, or what is left of the context.
        temperature: 0 takes the most likely token always; below 1 sharpens, above 1 flattens.
        top_k: keep the most likely tokens only; 0 keeps all.
        top_p: keep the fewest tokens that have this probability together.
        min_p: keep tokens at least this many times as likely as the most likely one.
        repetition_penalty: above 1 makes tokens that occurred before less likely.
        stop: strings that end the answer and are not part of it.
        seed: the same seed gives the same answer.
        sequences: how many answers to one prompt.
    """

    max_tokens: Annotated[int, Between(1, 1_000_000)] | None = None
    temperature: Annotated[float, Between(0, 100)] = 0.0
    top_k: Annotated[int, Between(0, 1_000_000)] = 0
    top_p: Annotated[float, Between(0, 1)] = 1.0
    min_p: Annotated[float, Between(0, 1)] = 0.0
    repetition_penalty: Annotated[float, Between(0.01, 100)] = 1.0
    stop: str | list[str] = field(default_factory=list)
    seed: Annotated[int, Between(0, 2**63 - 1)] = 0
    sequences: Annotated[int, Between(1, 64)] = 1

    @property
    def stops(self) -> list[str]:
        return [self.stop] if isinstance(self.stop, str) else self.stop

    def sampling(self, seed: int) -> Sampling:
        """What an engine that chooses tokens by itself is told, with another seed."""
        return Sampling(self.temperature, self.top_k, self.top_p, self.min_p, self.repetition_penalty, seed)

    def tokens_after(self, prompt: int, context: int) -> int:
        """Most tokens of the answer to a prompt of ``prompt`` tokens.

        Raises:
            InputError: the context has not that many left.
        """
        left = context - prompt
        if self.max_tokens is None:
            return min(DEFAULT_TOKENS, left)
        if self.max_tokens > left:
            raise InputError(
                f"max_tokens: {self.max_tokens} after a prompt of {prompt} tokens",
                expected=f"together at most {context} tokens",
                fix=f"ask for at most {left} tokens, or shorten the prompt",
            )
        return self.max_tokens


def read(options: Mapping[str, Any]) -> GenerationOptions:
    """Check what a caller gave.

    Raises:
        InputError: an unknown option, or a value out of its range.
    """
    checked: GenerationOptions = check(GenerationOptions, options, "options")
    if len(checked.stops) > MOST_STOPS or not all(0 < len(stop) <= 1000 for stop in checked.stops):
        raise InputError(
            f"options: stop: {len(checked.stops)} strings", expected=f"at most {MOST_STOPS} of 1 to 1000 characters"
        )
    return checked
