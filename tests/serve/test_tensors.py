from __future__ import annotations

import json

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.utils import deserialize_bytes_tensor, serialize_byte_tensor

from modelyard.serve.limits import Limits
from modelyard.serve.tensors import Tensor, read_rows, to_tensors, write_outputs

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1)


@given(TEXTS)
def test_binary_text_is_read_as_triton_writes_it(texts: list[str]) -> None:
    array = np.array([text.encode() for text in texts], dtype=object)
    data = serialize_byte_tensor(array).item()
    parameters = {"binary_data_size": len(data)}
    item = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "parameters": parameters}
    assert read_rows([item], data, {"text": "text"}, Limits()) == [{"text": text} for text in texts]


@given(TEXTS)
def test_binary_text_is_written_as_triton_reads_it(texts: list[str]) -> None:
    head, data = Tensor("text", "BYTES", [len(texts)], texts).to_binary()
    assert head["parameters"] == {"binary_data_size": len(data)}
    assert [value.decode() for value in deserialize_bytes_tensor(data)] == texts


def test_rows_join_the_inputs_by_position() -> None:
    inputs = [
        {"name": "b", "datatype": "BYTES", "shape": [2], "parameters": {"binary_data_size": 10}},
        {"name": "a", "datatype": "BYTES", "shape": [2], "data": ["1", "2"]},
    ]
    rows = read_rows(inputs, b"\1\0\0\0x\1\0\0\0y", {"a": "text", "b": "text"}, Limits())
    assert rows == [{"a": "1", "b": "x"}, {"a": "2", "b": "y"}]


def test_numbers_that_are_not_finite_are_null_in_json_and_kept_in_binary() -> None:
    tensors = to_tensors([{"score": float("nan"), "n": 1}, {"score": float("-inf"), "n": 2}, {"score": 0.5, "n": 3}])
    outputs, _ = write_outputs(tensors, None, binary_by_default=False)
    assert json.loads(orjson.dumps(outputs))[0]["data"] == [None, None, 0.5]
    assert outputs[1] == {"name": "n", "datatype": "INT64", "shape": [3], "data": [1, 2, 3]}
    _, data = write_outputs(tensors, [{"name": "score"}], binary_by_default=True)
    assert np.frombuffer(data, "<f8") == pytest.approx([np.nan, -np.inf, 0.5], nan_ok=True)
