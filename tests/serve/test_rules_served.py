"""Rules in a running server, on a real model: what is blocked, answered in its place, let through, and counted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.cli.main import main
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.recipes.serve_section import serving_of
from modelyard.serve.following import Following, open_version
from modelyard.serve.fork_server import ForkServer
from modelyard.serve.hosting import Hosted
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve, infer_body
from tests.serve.releases import NAME, Maker, ask

RULES = r"""
task: text-classification
serve:
  rules:
    - {when: "contains(text, 'trusted')", then: allow, name: trusted}
    - {when: "matches(lower(text), '\\bstop\\b')", answer: ham, name: stop}
    - {when: "length(text) > 500", then: block, name: long}
    - {when: "score <= 1 and not contains(text, 'plain')", answer: spam, name: always}
"""
PATH = "/v2/models/sms/infer"


@pytest.fixture(scope="module")
def ruled(serve: Serve, opened: ForkServer) -> Iterator[httpx.Client]:
    with serve(Hosted("sms", "1", opened, serving=serving_of(RULES))) as client:
        yield client


def outputs(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return {item["name"]: item["data"] for item in answer.json()["outputs"]}


def counted(client: httpx.Client) -> dict[tuple[str, str], float]:
    found = {}
    for line in client.get("/metrics").text.splitlines():
        if line.startswith("modelyard_rules_total{"):
            labels = dict(part.split("=") for part in line[line.index("{") + 1 : line.index("}")].split(","))
            found[labels["rule"].strip('"'), labels["outcome"].strip('"')] = float(line.rpartition(" ")[2])
    return found


def test_each_row_is_decided_by_the_first_rule_that_holds(ruled: httpx.Client, classifier: Model) -> None:
    texts = ["trusted STOP", "please Stop it", "a plain text", "any other", "stopping plain"]
    with Predictor(classifier, threads=1) as predictor:
        model = predictor.predict([{"text": text} for text in texts])
    before = counted(ruled)
    answer = ruled.post(PATH, json=infer_body(*texts))
    found = outputs(answer)
    assert found["label"] == [model[0]["label"], "ham", model[2]["label"], "spam", model[4]["label"]]
    assert found["score"] == pytest.approx([model[0]["score"], 1, model[2]["score"], 1, model[4]["score"]], abs=1e-6)
    assert found["scores"][2:4] == [1.0, 0.0]
    assert answer.json()["parameters"] == {"rule.0": "trusted", "rule.1": "stop", "rule.3": "always"}
    after = counted(ruled)
    new = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert new == {("trusted", "allow"): 1, ("stop", "answer"): 1, ("always", "answer"): 1}


def test_a_request_of_answered_rows_alone_does_not_ask_the_model(ruled: httpx.Client) -> None:
    def batches() -> str:
        lines = ruled.get("/metrics").text.splitlines()
        return next((line for line in lines if line.startswith("modelyard_batch_rows_count")), "")

    before = batches()
    assert outputs(ruled.post(PATH, json=infer_body("stop", "stop!")))["label"] == ["ham", "ham"]
    assert batches() == before


def test_a_blocked_row_refuses_the_request_and_says_which(ruled: httpx.Client) -> None:
    before = counted(ruled).get(("long", "block"), 0)
    answer = ruled.post(PATH, json=infer_body("short", "x" * 501))
    assert answer.status_code == 403
    assert "row 1 is blocked by the rule 'long'" in answer.json()["error"]
    assert "xxx" not in answer.text
    assert counted(ruled)["long", "block"] == before + 1


def test_generated_text_is_blocked_before_it_begins(serve: Serve, opened_generator: ForkServer) -> None:
    recipe = "task: text-generation\nserve: {rules: [{when: \"contains(text, 'secret')\", then: block}]}"
    with serve(Hosted("chat", "2", opened_generator, serving=serving_of(recipe))) as client:
        for stream in (False, True):
            body = {"model": "chat", "prompt": "a secret word", "max_tokens": 2, "stream": stream}
            answer = client.post("/v1/completions", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "blocked_by_rule")
        assert client.post("/v2/models/chat/infer", json=infer_body("my secret", max_tokens=2)).status_code == 403
        assert client.post("/v2/models/chat/infer", json=infer_body("my word", max_tokens=2)).status_code == 200


TABLE_RULES = """
modelyard: 1
task: tabular-classification
serve: {rules: [{when: "age > 30 and size >= 8", answer: n, name: old}]}
"""


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "work").mkdir()
    return Maker(Yard(folder / "yard"), folder / "work")


def test_a_releases_own_rules_come_with_it(serve: Serve, maker: Maker) -> None:
    number = maker.good(0.1, TABLE_RULES)
    version = maker.yard.resolve(f"{NAME}:{number}")
    hosted = open_version(maker.yard, version, workers=1, memory_limit=None)
    with hosted.source, serve(hosted, companion=Following(maker.yard, [f"{NAME}:{number}"]).run) as client:
        status, _, _, scores = ask(client)
    assert status == 200
    assert scores[:-1] == pytest.approx(maker.answers[number][:-1], abs=1e-6)
    assert scores[-1] == 1.0


def test_rules_of_columns_and_classes_that_are_not_there_keep_a_release_from_being_opened(maker: Maker) -> None:
    for wrong in (TABLE_RULES.replace("age", "agge"), TABLE_RULES.replace("answer: n", "answer: never")):
        version = maker.yard.resolve(f"{NAME}:{maker.good(0.2, wrong)}")
        with pytest.raises(InputError, match="rule 'old'"):
            open_version(maker.yard, version, workers=1, memory_limit=None)


def test_rules_are_tried_on_stored_rows(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODELYARD_HOME", str(maker.yard.home))
    number = maker.good(0.3)
    data = maker.data
    recipe = tmp_path / "new.yaml"
    rules = """
task: tabular-classification
serve:
  rules:
    - {when: "age >= 55", then: block, name: eldest}
    - {when: "true", answer: n, name: all}
"""
    recipe.write_text(rules)
    assert main(["rules", "test", f"{NAME}:{number}", "--recipe", str(recipe), "--json"]) == 0
    trial = json.loads(capsys.readouterr().out)
    rows = data.rows("test")
    kept = [row for row in rows if row["features"]["age"] < 55]
    with Predictor(maker.yard.model(maker.yard.resolve(f"{NAME}:{number}")), threads=1) as predictor:
        said = [answer["label"] for answer in predictor.predict(rows)]
    assert [item["rows"] for item in trial["rules"]] == [len(rows) - len(kept), len(kept)]
    changed = sum(label != "n" for row, label in zip(rows, said, strict=True) if row["features"]["age"] < 55)
    assert trial["rules"][1]["changed"] == changed
    assert trial["before"] == pytest.approx(
        sum(a == row["label"] for a, row in zip(said, rows, strict=True)) / len(rows)
    )
    assert trial["after"] == pytest.approx(sum(row["label"] == "n" for row in kept) / len(kept))
    assert main(["rules", "test", f"{NAME}:{number}"]) == 2
    assert "has no rules" in capsys.readouterr().err
