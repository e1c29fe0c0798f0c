"""OpenAI's embeddings: what a request may say, and the form of the answer.

https://platform.openai.com/docs/api-reference/embeddings. Vectors have length one, as OpenAI's have. Knows no HTTP and
no model.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from modelyard.core.options import check
from modelyard.core.task import EMBEDDING, Prediction
from modelyard.serve.admission import check_texts
from modelyard.serve.limits import Limits
from modelyard.serve.openai_requests import fields_of
from modelyard.serve.refusals import RefusalError


@dataclass(frozen=True, kw_only=True)
class EmbeddingRequest:
    """Texts, or the tokens of texts."""

    model: str
    input: str | list[str] | list[int] | list[list[int]]
    dimensions: int | None = None
    encoding_format: Literal["float", "base64"] = "float"

    @property
    def items(self) -> Sequence[str | Sequence[int]]:
        """Each a text, or its tokens."""
        if isinstance(self.input, str):
            return [self.input]
        if self.input and all(isinstance(item, int) for item in self.input):
            return [self.input]  # type: ignore[list-item]
        return self.input  # type: ignore[return-value]


def read_embeddings(document: object, limits: Limits) -> EmbeddingRequest:
    """
    Raises:
        RefusalError: 400 for a field that is not supported, 413 for too much text, 422 for a wrong value.
        InputError: a value of the wrong type.
    """
    request: EmbeddingRequest = check(EmbeddingRequest, fields_of(document, EmbeddingRequest), "request")
    if not 1 <= len(request.items) <= limits.request_rows or not all(request.items):
        most = limits.request_rows
        raise RefusalError(422, f"{len(request.items)} inputs", expected=f"1 to {most}, none of them empty")
    for number, item in enumerate(request.items):
        if not isinstance(item, str) and len(item) > limits.text_characters:
            raise RefusalError(413, f"input {number} has {len(item)} tokens", code="too_large")
    check_texts((item for item in request.items if isinstance(item, str)), limits)
    return request


def embeddings_answer(label: str, request: EmbeddingRequest, answers: Sequence[Prediction]) -> dict[str, Any]:
    """The body of the answer.

    Args:
        label: ``name:version`` of the model.
        answers: with ``embedding`` and ``prompt_tokens`` of each input.

    Raises:
        RefusalError: 400, the vectors have other dimensions than were asked for.
    """
    vectors = np.array([answer[EMBEDDING] for answer in answers], dtype=np.float64)
    width = vectors.shape[1]
    if request.dimensions not in (None, width):
        # What is left of a vector that was not trained to be cut says less than its length promises.
        raise RefusalError(400, f"dimensions: {request.dimensions} is not supported", expected=f"{width}")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = (vectors / np.where(norms > 0, norms, 1.0)).astype("<f4")
    tokens = sum(answer["prompt_tokens"] for answer in answers)
    return {
        "object": "list",
        "model": label,
        "data": [
            {"object": "embedding", "index": index, "embedding": _written(vector, request.encoding_format)}
            for index, vector in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def _written(vector: np.ndarray, form: str) -> list[float] | str:
    return base64.b64encode(vector.tobytes()).decode() if form == "base64" else vector.tolist()
