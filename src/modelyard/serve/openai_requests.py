"""Reads OpenAI's completion and chat requests into one form.

Fields that would change the answer and that no model here honours are refused by name; those that
say nothing about the answer are ignored. https://platform.openai.com/docs/api-reference
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from modelyard.core.errors import suggestion
from modelyard.core.options import Between, check
from modelyard.serve.admission import check_options, check_texts
from modelyard.serve.limits import Limits
from modelyard.serve.refusals import RefusalError

IGNORED = frozenset(
    {
        "user",
        "metadata",
        "store",
        "service_tier",
        "safety_identifier",
        "prompt_cache_key",
        "prompt_cache_retention",
        "parallel_tool_calls",
    }
)
"""About billing, storage and tracing: the answer is the same without them."""

NEUTRAL: dict[str, tuple[Any, ...]] = {
    "best_of": (1,),
    "echo": (False,),
    "frequency_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
    "modalities": (["text"],),
    "presence_penalty": (0,),
    "response_format": ({"type": "text"},),
    "suffix": ("",),
    "tool_choice": ("none", "auto"),
    "tools": ([],),
}
"""Not supported; accepted with a value that changes nothing."""


@dataclass(frozen=True, kw_only=True)
class StreamOptions:
    """What a stream tells besides the answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Fields that both requests share."""

    model: str
    max_tokens: int | None = None
    n: int | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: StreamOptions = field(default_factory=StreamOptions)
    temperature: Annotated[float, Between(0, 2)] = 1.0
    top_p: Annotated[float, Between(0, 1)] | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What was chosen, in the task's terms."""
        stop = [self.stop] if isinstance(self.stop, str) else self.stop
        chosen = {
            "max_tokens": self.max_tokens,
            "seed": self.seed,
            "stop": stop,
            "temperature": self.temperature,
            "top_p": self.top_p,
        }
        return {name: value for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class CompletionRequest(Sampling):
    """Texts to go on with."""

    prompt: str | list[str]

    @property
    def prompts(self) -> list[str]:
        return [self.prompt] if isinstance(self.prompt, str) else self.prompt


@dataclass(frozen=True, kw_only=True)
class TextPart:
    """One part of a message."""

    type: Literal["text"]
    text: str


@dataclass(frozen=True, kw_only=True)
class ChatMessage:
    """One turn of a chat."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart]

    def plain(self) -> dict[str, str]:
        """Role and text as chat templates take them."""
        role = "system" if self.role == "developer" else self.role
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        return {"role": role, "content": text}


@dataclass(frozen=True, kw_only=True)
class ChatRequest(Sampling):
    """A chat to answer."""

    messages: list[ChatMessage]
    max_completion_tokens: int | None = None

    @property
    def options(self) -> dict[str, Any]:
        newer = {} if self.max_completion_tokens is None else {"max_tokens": self.max_completion_tokens}
        return {**super().options, **newer}

    @property
    def plain_messages(self) -> list[dict[str, str]]:
        return [message.plain() for message in self.messages]


def read_completion(document: object, limits: Limits) -> CompletionRequest:
    """
    Raises:
        RefusalError: 400 for a field that is not supported, 413 for too much text, 422 for a wrong value.
        InputError: a value of the wrong type or range.
    """
    request: CompletionRequest = check(CompletionRequest, fields_of(document, CompletionRequest), "request")
    _check_counts(request, len(request.prompts), limits)
    check_texts(request.prompts, limits)
    return request


def read_chat(document: object, limits: Limits) -> ChatRequest:
    """Raises as :func:`read_completion` does."""
    fields = fields_of(document, ChatRequest)
    if isinstance(fields.get("messages"), list):
        fields["messages"] = [_without_empty(message) for message in fields["messages"]]
    request: ChatRequest = check(ChatRequest, fields, "request")
    if not request.messages:
        raise RefusalError(422, "messages is empty", expected="one message or more")
    _check_counts(request, 1, limits)
    check_texts(["".join(message["content"] for message in request.plain_messages)], limits)
    return request


def fields_of(document: object, kind: type[Any]) -> dict[str, Any]:
    """The fields to honour: those that say nothing are taken out, those that cannot be honoured refused."""
    if not isinstance(document, dict):
        raise RefusalError(422, "the request is not an object")
    fields = {}
    known = kind.__dataclass_fields__
    for name, value in document.items():
        if value is None or name in IGNORED:
            continue
        if name in known:
            fields[name] = value
        elif name not in NEUTRAL:
            raise RefusalError(400, f"the field {name[:80]!r} is not supported", fix=suggestion(name, known))
        elif value not in NEUTRAL[name]:
            expected = f"{NEUTRAL[name][0]!r}, or the field left out"
            raise RefusalError(400, f"{name}: {value!r:.80} is not supported", expected=expected)
    return fields


def _check_counts(request: Sampling, prompts: int, limits: Limits) -> None:
    check_options({**request.options, "n": request.n}, limits)
    if not 1 <= prompts * (request.n or 1) <= limits.sequences:
        raise RefusalError(
            422, f"{prompts} prompts with n = {request.n or 1}", expected=f"1 to {limits.sequences} answers"
        )


def _without_empty(message: object) -> object:
    """Clients send back an assistant's message with all the fields that it did not use."""
    if not isinstance(message, dict):
        return message
    return {name: value for name, value in message.items() if value is not None and value != []}
