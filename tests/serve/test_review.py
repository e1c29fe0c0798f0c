"""Answers that a person should see: chosen, masked, kept, claimed and decided through a real server."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.cli.main import main
from modelyard.core.access import Role
from modelyard.core.artifact import MANIFEST
from modelyard.core.model import Model
from modelyard.core.transform import TransformSpec
from modelyard.methods.rules import Decision, Review, Serving
from modelyard.recipes.serve_section import serving_of
from modelyard.serve.desk import Answered, Desk
from modelyard.serve.following import open_version
from modelyard.serve.hosting import Hosted
from modelyard.serve.keyring import Keyring
from modelyard.serve.metrics import Metrics
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve
from tests.serve.releases import NAME, Maker

RECIPE = """
modelyard: 1
task: tabular-classification
serve:
  review: {confidence_below: 1.0}
  feedback: true
  rules:
    - {when: "age > 30", answer: n, name: old}
    - {when: "age > 30 or age < 5", then: review, name: edge}
"""
PATH = f"/v2/models/{NAME}/infer"


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("review")
    (folder / "work").mkdir()
    maker = Maker(Yard(folder / "yard"), folder / "work")
    maker.good(0.1, RECIPE)
    return maker


@pytest.fixture(scope="module")
def hosted(maker: Maker) -> Iterator[Hosted]:
    item = open_version(maker.yard, maker.yard.resolve(f"{NAME}:1"), workers=1, memory_limit=None)
    with item.source:
        yield item


@pytest.fixture(scope="module")
def tokens(maker: Maker) -> dict[str, str]:
    roles = {"asker": Role.PREDICT, "other": Role.PREDICT, "ann": Role.REVIEWER, "bob": Role.REVIEWER}
    made = {name: maker.yard.add_key(name, role)[1] for name, role in roles.items()}
    made["elsewhere"] = maker.yard.add_key("elsewhere", Role.REVIEWER, models=["sms"])[1]
    return made


@pytest.fixture(scope="module")
def call(serve: Serve, maker: Maker, hosted: Hosted, tokens: dict[str, str]) -> Iterator[Callable[..., httpx.Response]]:
    keyring = Keyring(maker.yard.list_keys, local=True)
    with serve(hosted, keyring=keyring, desk=Desk(maker.yard.reviews)) as client:

        def calling(who: str, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
            return client.request(method, path, json=body, headers={"x-api-key": tokens[who], **headers})

        yield calling


def rows_of(*ages: float) -> dict[str, Any]:
    columns = {"age": list(ages), "size": [1.0] * len(ages)}
    return {
        "inputs": [
            {"name": name, "datatype": "FP64", "shape": [len(ages)], "data": data} for name, data in columns.items()
        ]
    }


def test_from_an_answer_to_a_decision(call: Callable[..., httpx.Response], maker: Maker) -> None:
    answer = call("asker", "POST", PATH, rows_of(3.0, 17.0, 40.0), **{"x-request-id": "first"})
    assert answer.status_code == 200
    # Feedback passes the same queue: once it is answered, all before it is written.
    body = {"request_id": "first", "row": 1, "label": "y"}
    told = call("asker", "POST", f"/v2/models/{NAME}/feedback", body)
    assert told.status_code == 200, told.text
    found = call("ann", "GET", f"/v2/reviews?model={NAME}&state=waiting").json()["reviews"]
    mine = {item["row"]: item for item in found if item["request"] == "first" and item["reason"] != "feedback"}
    # Row 2 was answered by a rule, which decided before the one for a review came.
    assert {row: item["reason"] for row, item in mine.items()} == {0: "rule edge, confidence", 1: "confidence"}
    assert (mine[0]["inputs"], mine[0]["version"]) == ({"age": 3.0, "size": 1.0}, 1)
    (feedback,) = (item for item in found if item["id"] == told.json()["review"])
    assert (feedback["reason"], feedback["proposed"], feedback["row"]) == ("feedback", "y", 1)

    place = f"/v2/reviews/{mine[0]['id']}"
    assert call("ann", "POST", f"{place}/claim").json()["claimed_by"].startswith("key ")
    assert call("bob", "POST", f"{place}/claim").status_code == 409
    assert call("bob", "POST", f"{place}/decide", {"label": "n"}).status_code == 409
    assert call("ann", "POST", f"{place}/decide", {"label": "maybe"}).status_code == 422
    decided = call("ann", "POST", f"{place}/decide", {"label": "n", "comment": "seen before"}).json()
    assert (decided["state"], decided["decision"], decided["comment"]) == ("decided", "n", "seen before")
    assert call("ann", "GET", place).json() == decided
    event = maker.yard.history(NAME)[-1]
    assert (event.action, event.actor, event.details["decision"]) == ("review", decided["decided_by"], "n")
    text = call("ann", "GET", "/metrics").text
    assert 'modelyard_reviews_total{model="plans",reason="feedback"}' in text


def test_who_may_not(call: Callable[..., httpx.Response]) -> None:
    call("asker", "POST", PATH, rows_of(4.0), **{"x-request-id": "second"})
    give = f"/v2/models/{NAME}/feedback"
    # Another key's answer, a row that was not there, one that the model cannot say, and twice.
    assert call("other", "POST", give, {"request_id": "second", "label": "y"}).status_code == 404
    assert call("asker", "POST", give, {"request_id": "second", "row": 1, "label": "y"}).status_code == 404
    assert call("asker", "POST", give, {"request_id": "second", "label": "x"}).status_code == 422
    assert call("asker", "POST", give, {"request_id": "second", "value": 1}).status_code == 422
    told = call("asker", "POST", give, {"request_id": "second", "label": "y"})
    assert told.status_code == 200
    assert call("asker", "POST", give, {"request_id": "second", "label": "y"}).status_code == 404
    place = f"/v2/reviews/{told.json()['review']}"
    assert call("asker", "GET", "/v2/reviews").status_code == 403
    assert call("elsewhere", "GET", place).status_code == 404
    assert call("elsewhere", "GET", "/v2/reviews").json()["reviews"] == []
    assert call("elsewhere", "GET", f"/v2/reviews?model={NAME}").status_code == 403
    assert call("ann", "GET", "/v2/reviews/123456").status_code == 404
    assert call("ann", "GET", "/v2/reviews/x").status_code == 422
    assert call("ann", "GET", "/v2/reviews?what=1").status_code == 422
    assert call("ann", "POST", f"{place}/decide", {"label": "y", "value": 1}).status_code == 422


def test_the_command_line_lists_shows_and_decides(
    call: Callable[..., httpx.Response],
    maker: Maker,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call("asker", "POST", PATH, rows_of(2.0), **{"x-request-id": "third"})
    told = call("asker", "POST", f"/v2/models/{NAME}/feedback", {"request_id": "third", "label": "n"})
    number = str(told.json()["review"])
    monkeypatch.setenv("MODELYARD_HOME", str(maker.yard.home))
    assert main(["review", "list", NAME]) == 0
    assert f"{number}  {NAME}:1  feedback: " in capsys.readouterr().out
    assert main(["review", "show", number]) == 0
    assert "age: 2.0" in capsys.readouterr().out
    assert main(["review", "decide", number, "z"]) == 2
    assert main(["review", "decide", number, "n", "--comment", "ok"]) == 0
    assert "decided: 'n'" in capsys.readouterr().out
    assert main(["review", "list", "--state", "open"]) == 2


def answered(model: Model, text: str, serving: Serving) -> Answered:
    answer = {"label": "ham", "score": 0.6, "scores": {"ham": 0.6, "spam": 0.4}}
    return Answered(model, serving, NAME, "1", "r", "local", [{"text": text}], [Decision()], [answer])


@pytest.fixture
def masking(classifier: Model, tmp_path: Path) -> Model:
    shutil.copytree(classifier.path, tmp_path / "model", ignore=shutil.ignore_patterns(MANIFEST))
    mask = TransformSpec("mask", {"kinds": ["email"], "roles": ["text"]})
    return classifier.rewrite(tmp_path / "model", parents=[classifier], transforms=[mask])


def test_what_the_model_masks_is_kept_masked_only(maker: Maker, masking: Model) -> None:
    before = max((item.id for item in maker.yard.reviews.find(limit=10_000)), default=0)
    desk = Desk(maker.yard.reviews)
    desk.take(answered(masking, "write to jane@example.org now", Serving(review=Review(confidence_below=0.75))))
    # Neither uncertain enough nor asked for.
    desk.take(answered(masking, "sure", Serving(review=Review(confidence_below=0.5))))
    desk.start(Metrics())
    desk.close()
    (kept,) = maker.yard.reviews.find(after=before)
    assert "jane@example.org" not in str(kept.to_json())
    assert kept.seen.inputs["text"].startswith("write to ")
    database = b"".join(path.read_bytes() for path in maker.yard.home.glob("yard.sqlite*"))
    assert b"jane@example.org" not in database


def test_what_does_not_fit_is_counted_and_nobody_waits(maker: Maker, masking: Model) -> None:
    before = max((item.id for item in maker.yard.reviews.find(limit=10_000)), default=0)
    desk, metrics = Desk(maker.yard.reviews, waiting=3), Metrics()
    desk.start(metrics)
    desk.close()
    # The thread is gone: what is taken now waits for ever, and the fourth has no place.
    for _ in range(5):
        desk.take(answered(masking, "text", Serving(review=Review(confidence_below=0.75))))
    assert metrics.reviews_dropped.labels(NAME, "queue full")._value.get() == 2
    assert maker.yard.reviews.find(after=before) == []


def test_the_sample_is_of_its_size(maker: Maker, masking: Model) -> None:
    before = max((item.id for item in maker.yard.reviews.find(limit=10_000)), default=0)
    desk = Desk(maker.yard.reviews, waiting=1000, seed=5)
    for number in range(400):
        desk.take(answered(masking, str(number), serving_of("serve: {review: {sample: 0.1}}")))
    desk.start(Metrics())
    desk.close()
    found = maker.yard.reviews.find(after=before, limit=1000)
    assert 20 <= len(found) <= 60
    assert {item.seen.reason for item in found} == {"sample"}
