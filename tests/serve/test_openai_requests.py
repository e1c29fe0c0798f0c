from __future__ import annotations

from typing import Any

import pytest

from modelyard.core.errors import InputError
from modelyard.serve.limits import Limits
from modelyard.serve.openai_requests import IGNORED, NEUTRAL, read_chat, read_completion
from modelyard.serve.refusals import RefusalError, refusal_of

CHAT = {"model": "chat", "messages": [{"role": "user", "content": "hello"}]}
COMPLETION = {"model": "chat", "prompt": "hello"}
LIMITS = Limits(text_characters=100, generate_tokens=50, sequences=4)


def status_of(document: Any) -> tuple[int, str]:
    read = read_completion if "prompt" in document else read_chat
    with pytest.raises((RefusalError, InputError)) as caught:
        read(document, LIMITS)
    refusal = refusal_of(caught.value)
    return refusal.status, refusal.message


def test_options_are_passed_in_the_tasks_terms() -> None:
    chosen = {"temperature": 0, "top_p": 0.5, "seed": 3, "stop": "x", "max_tokens": 7}
    expected = {"temperature": 0.0, "top_p": 0.5, "seed": 3, "stop": ["x"], "max_tokens": 7}
    assert read_completion({**COMPLETION, **chosen}, LIMITS).options == expected
    newer = read_chat({**CHAT, **chosen, "stop": ["a", "b"], "max_completion_tokens": 9}, LIMITS).options
    assert newer == {**expected, "stop": ["a", "b"], "max_tokens": 9}
    assert read_chat(CHAT, LIMITS).options == {"temperature": 1.0}


def test_messages_are_read_as_templates_take_them() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    # As the official client sends an assistant's message back.
    assistant: dict[str, Any] = {
        "role": "assistant",
        "content": "c",
        "refusal": None,
        "tool_calls": None,
        "annotations": [],
    }
    document = {
        **CHAT,
        "messages": [{"role": "developer", "content": "d"}, {"role": "user", "content": parts}, assistant],
    }
    assert read_chat(document, LIMITS).plain_messages == [
        {"role": "system", "content": "d"},
        {"role": "user", "content": "ab"},
        {"role": "assistant", "content": "c"},
    ]


@pytest.mark.parametrize("name", sorted(IGNORED))
def test_what_says_nothing_about_the_answer_is_ignored(name: str) -> None:
    assert read_chat({**CHAT, name: "anything"}, LIMITS) == read_chat(CHAT, LIMITS)


@pytest.mark.parametrize("name", sorted(NEUTRAL))
def test_what_would_change_the_answer_is_refused_by_name(name: str) -> None:
    for value in (None, *NEUTRAL[name]):
        assert read_chat({**CHAT, name: value}, LIMITS) == read_chat(CHAT, LIMITS)
    status, message = status_of({**CHAT, name: {"other": 1}})
    assert status == 400
    assert name in message


def test_an_unknown_field_is_named_with_a_suggestion() -> None:
    assert status_of({**CHAT, "temprature": 1}) == (
        400,
        "the field 'temprature' is not supported; fix: did you mean 'temperature'?",
    )


@pytest.mark.parametrize("name", ["n", "max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("value", [10**12, -1, 0, 1.5, "3", True, [1], 51])
def test_counts_are_checked_before_anything_is_allocated(name: str, value: object) -> None:
    status, message = status_of({**CHAT, name: value})
    assert status == 422
    assert name in message or "max_tokens" in message


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"temperature": -0.1}, 422),
        ({"temperature": 2.1}, 422),
        ({"temperature": "hot"}, 422),
        ({"top_p": 1.1}, 422),
        ({"seed": 1.5}, 422),
        ({"stop": [1]}, 422),
        ({"stream": "yes"}, 422),
        ({"stream_options": {"include_everything": True}}, 422),
        ({"model": 3}, 422),
        ({"model": None}, 422),
        ({"messages": None}, 422),
        ({"messages": []}, 422),
        ({"messages": "hello"}, 422),
        ({"messages": ["hello"]}, 422),
        ({"messages": [{"role": "root", "content": "x"}]}, 422),
        ({"messages": [{"role": "user"}]}, 422),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "file:///etc"}]}]}, 422),
        ({"messages": [{"role": "user", "content": "x" * 60}] * 2}, 413),
        ({"prompt": "x" * 101}, 413),
        ({"prompt": [1, 2, 3]}, 422),
        ({"prompt": []}, 422),
        ({"prompt": ["a", "b"], "n": 3}, 422),
    ],
)
def test_wrong_values_are_refused(change: dict[str, Any], status: int) -> None:
    document = {**(COMPLETION if "prompt" in change else CHAT), **change}
    assert status_of(document)[0] == status


def test_an_error_does_not_send_a_long_text_back() -> None:
    _, message = status_of({**CHAT, "stop": {"x": "y" * 10_000}})
    assert len(message) < 2_000
