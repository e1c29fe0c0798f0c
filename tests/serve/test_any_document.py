"""Whatever JSON comes, a reader gives a result or a refusal, never another error."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InputError
from modelyard.serve.limits import Limits
from modelyard.serve.openai_requests import NEUTRAL, read_chat, read_completion
from modelyard.serve.refusals import RefusalError
from modelyard.serve.tensors import read_rows, to_tensors, write_outputs

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(["text", "user", "BYTES"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


def like(*keys: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects with some of these keys and any values."""
    return st.fixed_dictionaries({}, optional=dict.fromkeys(keys, VALUES))


TENSOR = like("name", "shape", "datatype", "data", "parameters") | st.fixed_dictionaries(
    {"name": st.just("text"), "datatype": st.just("BYTES"), "shape": st.just([1]) | VALUES},
    optional={"data": VALUES, "parameters": like("binary_data_size") | VALUES},
)
SAMPLING = ("model", "n", "max_tokens", "stop", "stream", "stream_options", "temperature", "top_p", "seed", *NEUTRAL)
MESSAGE = st.fixed_dictionaries({"role": st.just("user") | VALUES, "content": st.just("text") | VALUES})


def holds(read: Callable[[], Any]) -> None:
    """Any error but these two fails the test."""
    with suppress(RefusalError, InputError):
        read()


@given(VALUES | st.lists(TENSOR, max_size=2), st.binary(max_size=40))
def test_any_tensors(inputs: object, binary: bytes) -> None:
    holds(lambda: read_rows(inputs, binary, {"text": "text"}, Limits()))


@given(VALUES | st.lists(like("name", "parameters"), max_size=2), st.booleans())
def test_any_wanted_outputs(wanted: object, binary: bool) -> None:
    tensors = to_tensors([{"text": "answer", "score": 0.5}])
    holds(lambda: write_outputs(tensors, wanted, binary_by_default=binary))


@pytest.mark.parametrize("read", [read_chat, read_completion])
@given(document=VALUES | like(*SAMPLING, "messages", "prompt"), messages=st.lists(MESSAGE, max_size=2) | VALUES)
def test_any_generation_request(read: Callable[[object, Limits], Any], document: object, messages: object) -> None:
    holds(lambda: read(document, Limits()))
    if isinstance(document, dict):
        holds(lambda: read({**document, "model": "m", "messages": messages, "prompt": messages}, Limits()))
