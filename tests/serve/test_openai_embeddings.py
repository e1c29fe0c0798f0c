"""Embeddings, as the official client and as plain requests see them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import openai
import pytest

from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.recipes.serve_section import serving_of
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.openai_embeddings import EmbeddingRequest, embeddings_answer
from modelyard.serve.refusals import RefusalError
from tests.serve.conftest import Serve, infer_body

TEXTS = ["are you coming home for dinner", "claim your prize", "now"]


@pytest.fixture(scope="module")
def official(client: httpx.Client) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{client.base_url}/v1", api_key="none", max_retries=0) as official:
        yield official


def mean_states(model: Model, text: str) -> np.ndarray:
    """Of length one, as transformers itself gives them: the reference."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokens = AutoTokenizer.from_pretrained(model.path)(text, return_tensors="pt")
    with torch.no_grad():
        states = AutoModel.from_pretrained(model.path)(**tokens).last_hidden_state[0]
    mean = states.mean(0).numpy()
    return np.asarray(mean / np.linalg.norm(mean))


def test_an_embedding_is_the_mean_of_the_encoders_states(official: openai.OpenAI, torch_classifier: Model) -> None:
    answer = official.embeddings.create(model="sms", input=TEXTS)
    assert [item.index for item in answer.data] == [0, 1, 2]
    for item, text in zip(answer.data, TEXTS, strict=True):
        assert item.embedding == pytest.approx(mean_states(torch_classifier, text), abs=1e-5)
    assert answer.model == "sms:1"


def test_texts_and_their_tokens_have_the_same_embedding(official: openai.OpenAI, predictor: Predictor) -> None:
    tokens = [predictor.processor.tokenizer.encode(text).ids for text in TEXTS]
    texts = official.embeddings.create(model="sms", input=TEXTS, encoding_format="float")
    assert texts.usage.prompt_tokens == texts.usage.total_tokens == sum(map(len, tokens))
    wanted = [item.embedding for item in texts.data]
    assert np.linalg.norm(wanted, axis=1) == pytest.approx(1.0, abs=1e-6)
    as_tokens = official.embeddings.create(model="sms", input=tokens, encoding_format="float")
    assert np.allclose([item.embedding for item in as_tokens.data], wanted, atol=1e-6)
    for single in (TEXTS[0], tokens[0], tokens[0][1:-1]):
        (item,) = official.embeddings.create(model="sms", input=single, dimensions=32).data
        assert item.embedding == pytest.approx(wanted[0], abs=1e-6)


def test_base64_is_the_same_as_numbers(client: httpx.Client) -> None:
    forms = {
        form: client.post("/v1/embeddings", json={"model": "sms", "input": "now", "encoding_format": form}).json()
        for form in ("float", "base64")
    }
    packed, plain = (forms[form]["data"][0]["embedding"] for form in ("base64", "float"))
    assert np.frombuffer(base64.b64decode(packed), "<f4").tolist() == plain


def test_the_other_protocol_gives_it_too(client: httpx.Client, predictor: Predictor) -> None:
    answer = client.post("/v2/models/sms/infer", json=infer_body(*TEXTS, embedding=True)).json()
    found = {item["name"]: item for item in answer["outputs"]}
    assert found["embedding"]["shape"] == [3, 32]
    wanted = predictor.predict([{"text": text} for text in TEXTS], embedding=True)
    assert found["embedding"]["data"][:32] == pytest.approx(wanted[0]["embedding"], abs=1e-6)
    assert found["label"]["data"] == [item["label"] for item in wanted]
    assert "embedding" not in predictor.predict([{"text": "now"}])[0]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"input": "now", "dimensions": 8}, 400, "dimensions: 8"),
        ({"input": []}, 422, "0 inputs"),
        ({"input": ["now", ""]}, 422, "none of them empty"),
        ({"input": [5, 10**9]}, 422, "those of no text"),
        ({"input": [[5, -1]]}, 422, "those of no text"),
        ({"input": {"text": "now"}}, 422, "input"),
        ({"input": "now", "encoding_format": "hex"}, 422, "encoding_format"),
        ({"input": "now", "temperature": 1}, 400, "temperature"),
    ],
)
def test_what_cannot_be_embedded_is_refused(
    client: httpx.Client, body: dict[str, Any], status: int, words: str
) -> None:
    answer = client.post("/v1/embeddings", json={"model": "sms", **body})
    assert (answer.status_code, words in answer.text) == (status, True), answer.text


def test_models_that_cannot_are_named(chat_client: httpx.Client, predictor: Predictor) -> None:
    answer = chat_client.post("/v1/embeddings", json={"model": "chat", "input": "now"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "wrong_task"
    assert "chat does text-generation, it gives no embeddings" in answer.text
    with pytest.raises(InputError, match="gives no embeddings"):
        predictor.task.predict(_WithoutEmbedding(), predictor.processor, [{"text": "now"}], {"embedding": True})


class _WithoutEmbedding:
    """A session as of a graph that somebody else exported."""

    input_names, output_names = ("input_ids", "attention_mask"), ("logits",)

    def run(self, arrays: Any) -> Any:
        return {"logits": np.zeros((len(arrays["input_ids"]), 2))}

    def close(self) -> None:
        return


def test_a_rule_that_blocks_blocks(serve: Serve, opened: ForkServer) -> None:
    rule = "{when: \"contains(text, 'prize')\", then: block}"
    serving = serving_of(f"modelyard: 1\ntask: text-classification\nserve: {{rules: [{rule}]}}")
    with serve(Hosted("sms", "1", opened, serving=serving)) as client:
        answer = client.post("/v1/embeddings", json={"model": "sms", "input": TEXTS})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blocked_by_rule")


def test_a_vector_of_zeros_stays_one() -> None:
    asked = EmbeddingRequest(model="sms", input="x")
    answer = embeddings_answer("sms:1", asked, [{"embedding": [0.0, 0.0], "prompt_tokens": 3}])
    assert answer["data"][0]["embedding"] == [0.0, 0.0]
    with pytest.raises(RefusalError, match="dimensions"):
        embeddings_answer(
            "sms:1",
            EmbeddingRequest(model="sms", input="x", dimensions=1),
            [{"embedding": [0.0, 0.0], "prompt_tokens": 3}],
        )
