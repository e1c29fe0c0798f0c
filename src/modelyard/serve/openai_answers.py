"""Answers in OpenAI's form, built up from pieces: chunks for a stream, one object for the whole.

Knows no HTTP and no model.
"""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from modelyard.core.task import Piece


class Answer(ABC):
    """Collects the answers to one request.

    Args:
        label: ``name:version`` of the model.
        per_prompt: how many answers each prompt gets; its tokens are counted once.
    """

    prefix: ClassVar[str]
    whole_object: ClassVar[str]
    chunk_object: ClassVar[str]

    def __init__(self, label: str, per_prompt: int) -> None:
        self._per_prompt = per_prompt
        self._head = {"id": f"{self.prefix}-{uuid.uuid4().hex}", "created": int(time.time()), "model": label}
        self._texts: dict[int, list[str]] = {}
        self._ends: dict[int, Piece] = {}

    def add(self, index: int, piece: Piece) -> list[dict[str, Any]]:
        """Keep the piece; the chunks that tell it to a stream."""
        choices = [self._delta(index, piece.text, None)] if piece.text else []
        if index not in self._texts:
            choices = [*self._opening(index), *choices]
        self._texts.setdefault(index, []).append(piece.text)
        if piece.finish_reason is not None:
            self._ends[index] = piece
            choices.append(self._delta(index, "", piece.finish_reason))
        return [{**self._head, "object": self.chunk_object, "choices": [choice]} for choice in choices]

    def usage_chunk(self) -> dict[str, Any]:
        """The last chunk of a stream whose reader wants the counts."""
        return {**self._head, "object": self.chunk_object, "choices": [], "usage": self._usage()}

    def whole(self) -> dict[str, Any]:
        """The finished answers at once."""
        choices = [
            self._choice(index, "".join(texts), self._ends[index].finish_reason)
            for index, texts in sorted(self._texts.items())
        ]
        return {**self._head, "object": self.whole_object, "choices": choices, "usage": self._usage()}

    def _usage(self) -> dict[str, int]:
        prompt = sum(end.prompt_tokens for index, end in self._ends.items() if index % self._per_prompt == 0)
        completion = sum(end.completion_tokens for end in self._ends.values())
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}

    def _opening(self, index: int) -> list[dict[str, Any]]:
        return []

    @abstractmethod
    def _delta(self, index: int, text: str, reason: str | None) -> dict[str, Any]: ...

    @abstractmethod
    def _choice(self, index: int, text: str, reason: str | None) -> dict[str, Any]: ...


class CompletionAnswer(Answer):
    """``POST /v1/completions``."""

    prefix = "cmpl"
    whole_object = chunk_object = "text_completion"

    def _delta(self, index: int, text: str, reason: str | None) -> dict[str, Any]:
        return self._choice(index, text, reason)

    def _choice(self, index: int, text: str, reason: str | None) -> dict[str, Any]:
        return {"index": index, "text": text, "logprobs": None, "finish_reason": reason}


class ChatAnswer(Answer):
    """``POST /v1/chat/completions``."""

    prefix = "chatcmpl"
    whole_object = "chat.completion"
    chunk_object = "chat.completion.chunk"

    def _opening(self, index: int) -> list[dict[str, Any]]:
        return [self._chunk(index, {"role": "assistant", "content": ""}, None)]

    def _delta(self, index: int, text: str, reason: str | None) -> dict[str, Any]:
        return self._chunk(index, {"content": text} if text else {}, reason)

    def _chunk(self, index: int, delta: dict[str, str], reason: str | None) -> dict[str, Any]:
        return {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}

    def _choice(self, index: int, text: str, reason: str | None) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {"index": index, "message": message, "logprobs": None, "finish_reason": reason}
