"""An explanation asked of the server: the same as one worked out beside it, within its limits."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pytest

from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.methods import shapley
from modelyard.methods.coalitions import Coalitions
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.serve.limits import Limits
from tests.serve.conftest import Serve, infer_body

PATH = "/v2/models/sms/explain"
TEXT = "win a free prize now"


def ask(client: httpx.Client, text: str = TEXT, **parameters: Any) -> httpx.Response:
    return client.post(PATH, json=infer_body(text, **parameters))


def test_shap_of_a_short_text_is_exact(client: httpx.Client, classifier: Model) -> None:
    answer = ask(client, label="spam").json()
    assert [unit["name"] for unit in answer["units"]] == TEXT.split()
    assert [TEXT[slice(*unit["place"])] for unit in answer["units"]] == TEXT.split()
    with Predictor(classifier, threads=1) as predictor:
        task: Any = predictor.task
        row = {"text": TEXT}
        value = Coalitions(
            task,
            predictor.processor,
            row,
            task.units(predictor.processor, row, 32),
            label="spam",
            references=[None],
            ask=predictor.predict,
        )
        expected = shapley.explain(value, 5)
    found = [unit["attribution"] for unit in answer["units"]]
    assert np.allclose(found, expected, atol=1e-6)
    assert answer["base"] + sum(found) == pytest.approx(answer["answer"], abs=1e-6)
    assert (answer["model_version"], answer["label"], answer["asked"]) == ("1", "spam", 32)


@pytest.mark.parametrize("method", ["partition", "lime", "occlusion"])
def test_other_methods_and_the_answered_class(client: httpx.Client, method: str) -> None:
    answer = ask(client, method=method, samples=50).json()
    predicted = client.post("/v2/models/sms/infer", json=infer_body(TEXT)).json()["outputs"]
    assert answer["label"] == predicted[0]["data"][0]
    assert answer["answer"] == pytest.approx(predicted[1]["data"][0], abs=1e-6)
    assert len(answer["units"]) == 5


def test_a_long_text_is_cut_into_few_parts(client: httpx.Client) -> None:
    answer = ask(client, " ".join([TEXT] * 8), units=8, samples=100).json()
    assert len(answer["units"]) == 8
    assert answer["asked"] <= 102


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"method": "guess"}, "one of: shap, partition, lime, occlusion"),
        ({"samples": 10**12}, "from 10 to 2048"),
        ({"samples": 1.5}, "a whole number"),
        ({"units": True}, "from 2 to 128"),
        ({"label": "span"}, "one of: ham, spam"),
        ({"label": ["spam"]}, "one of: ham, spam"),
        ({"colour": 1}, "unknown parameter 'colour'"),
        ({"samples": 10, "units": 32, "method": "shap"}, "samples: 10 for"),
    ],
)
def test_what_cannot_be_used_is_refused(client: httpx.Client, parameters: dict[str, Any], message: str) -> None:
    answer = ask(client, " ".join([TEXT] * 8), **parameters)
    assert answer.status_code == 422
    assert message in answer.json()["error"]


def test_one_row_at_a_time_and_a_word_at_least(client: httpx.Client) -> None:
    two = client.post(PATH, json=infer_body("one", "two"))
    assert (two.status_code, "one row" in two.json()["error"]) == (422, True)
    none = ask(client, "  ")
    assert (none.status_code, "without a word" in none.json()["error"]) == (422, True)


def test_the_deadline_ends_it(client: httpx.Client) -> None:
    long = " ".join([TEXT] * 12)
    late = client.post(PATH, json=infer_body(long, samples=2048, units=60), headers={"x-modelyard-timeout": "0.02"})
    assert late.status_code == 504


def test_generated_text_is_not_explained(serve: Serve, opened_generator: ForkServer) -> None:
    with serve(Hosted("sms", "1", opened_generator), limits=Limits()) as client:
        answer = ask(client)
        assert answer.status_code == 422
        assert "are not explained" in answer.json()["error"]
