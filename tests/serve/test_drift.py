"""Drift of what a server is asked: seen where there is some, not where there is none, and nothing personal is kept."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import numpy as np
import pytest
from PIL import Image

from modelyard.cli.main import main
from modelyard.core import lookup
from modelyard.core.addresses import check_url
from modelyard.core.dataset import Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings, Report
from modelyard.core.requirement import Verdict
from modelyard.core.task import Prediction
from modelyard.core.transform import Row
from modelyard.engines.local import execute
from modelyard.serve import drift, features, vectors
from modelyard.serve.drift import OTHER, Reference, Window, judge
from modelyard.serve.features import Value
from modelyard.serve.following import open_version
from modelyard.serve.refusals import OverloadError
from modelyard.serve.vectors import Vectors
from modelyard.serve.watching import Watching
from modelyard.sources import fetch
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve, until
from tests.serve.releases import NAME, Maker, publish


def draw(seed: int, rows: int, *, mean: float = 50.0, spam: float = 0.2) -> list[dict[str, Value]]:
    generator = np.random.default_rng(seed)
    return [
        {
            "text.length": float(generator.normal(mean, 10)),
            "answer.label": "spam" if generator.random() < spam else "ham",
        }
        for _ in range(rows)
    ]


REFERENCE = Reference.of(draw(0, 1000))


def verdicts(rows: list[dict[str, Value]]) -> dict[str, Verdict]:
    return {item.feature: item.verdict for item in judge(REFERENCE, rows)}


def test_each_feature_is_judged_by_itself() -> None:
    met, drifted = Verdict.MET, Verdict.NOT_MET
    assert verdicts(draw(1, 1000)) == {"text.length": met, "answer.label": met}
    assert verdicts(draw(2, 1000, mean=65)) == {"text.length": drifted, "answer.label": met}
    assert verdicts(draw(3, 1000, spam=0.6)) == {"text.length": met, "answer.label": drifted}
    assert drift.overall(judge(REFERENCE, draw(1, 1000))) is met
    assert drift.overall(judge(REFERENCE, draw(2, 1000, mean=65))) is drifted


def test_too_few_rows_say_nothing() -> None:
    assert set(verdicts(draw(2, drift.FEWEST - 1, mean=90)).values()) == {Verdict.INCONCLUSIVE}
    assert drift.overall(judge(REFERENCE, [])) is Verdict.INCONCLUSIVE
    assert drift.overall([]) is Verdict.INCONCLUSIVE


def test_many_features_that_did_not_drift_raise_no_alarm() -> None:
    def wide(seed: int, rows: int) -> list[dict[str, Value]]:
        table = np.random.default_rng(seed).normal(size=(rows, 40))
        return [{f"features.{place}": float(value) for place, value in enumerate(row)} for row in table]

    assert drift.overall(judge(Reference.of(wide(0, 500)), wide(1, 500))) is Verdict.MET


def test_nothing_that_only_a_request_said_is_kept() -> None:
    reference = Reference.of([{"features.town": "Bern", "features.age": 3.0}, {"features.town": None}])
    kept = reference.keep({"features.town": "Ada Lovelace", "features.age": "41 secret", "else": "secret"})
    assert kept == {"features.town": OTHER, "features.age": None}
    assert reference.keep({"features.town": "Bern"}) == {"features.town": "Bern"}


def test_a_text_is_its_length_and_what_of_it_is_unknown(classifier: Model) -> None:
    processor = lookup.task(classifier.task).processor(classifier)
    known, strange = "claim your prize", "\u4e00\u9fa5 \u2603"
    found = features.of_rows([{"text": known}, {"text": strange}], ["text"], processor)
    unknown = processor.tokenizer.token_to_id("[UNK]")
    for text, values in zip((known, strange), found, strict=True):
        ids = processor.tokenizer.encode(text, add_special_tokens=False).ids
        assert values == {"text.length": len(text), "text.unknown": ids.count(unknown) / len(ids)}
    assert found[1]["text.unknown"] == 1.0


def test_a_text_is_told_by_tokens_that_no_text_before_had(classifier: Model, generator: Model) -> None:
    for model in (classifier, generator):
        processor = lookup.task(model.task).processor(model)
        seen = features.tokens_in([{"text": "claim your prize"}, {"text": "now"}], ["text"], processor)
        (same, half) = features.of_rows(
            [{"text": "claim your prize"}, {"text": "claim your prize dinner tonight"}], ["text"], processor, seen
        )
        assert same["text.unseen"] == 0.0
        assert 0.2 < float(half["text.unseen"] or 0) < 0.8
    assert "text.unknown" not in same, "a byte-level tokenizer knows every text"


def answers(rows: Sequence[Row]) -> list[Prediction]:
    return [{"embedding": [float(row["text"])] * 4} for row in rows]


def test_embeddings_are_asked_for_a_few_at_a_time() -> None:
    asked, busy = list[int](), [False]

    async def ask(rows: Sequence[Row]) -> list[Prediction]:
        if busy[0]:
            raise OverloadError(1)
        asked.append(len(rows))
        return answers(rows)

    async def look() -> None:
        found = Vectors()
        found.saw([{"text": "9"}])
        await found.look(ask)
        assert asked == [], "nothing is asked before it is told what to hold rows against"
        found.begin([{"text": f"{n}"} for n in range(vectors.AT_ONCE + 5)])
        found.saw([{"text": "1"}] * (vectors.AT_ONCE + 20))
        busy[0] = True
        await found.look(ask)
        assert (asked, found.pair) == ([], None)
        busy[0] = False
        found.saw([{"text": "7"}] * 3)
        await found.look(ask)
        assert (asked, found.pair) == ([vectors.AT_ONCE, 3], None)
        await found.look(ask)
        assert found.pair is not None
        live, own = found.pair
        assert live.tolist() == [[7.0] * 4] * 3
        assert own[:, 0].tolist() == list(range(vectors.AT_ONCE + 5))

    asyncio.run(look())


def test_a_version_without_embeddings_is_asked_once() -> None:
    asked = list[int]()

    async def refuse(rows: Sequence[Row]) -> list[Prediction]:
        asked.append(len(rows))
        raise InputError("this model gives no embeddings")

    async def look() -> None:
        found = Vectors()
        found.begin([{"text": "1"}, {"text": "2"}])
        for _ in range(3):
            await found.look(refuse)
            found.saw([{"text": "3"}])
        assert (asked, found.pair) == ([2], None)

    asyncio.run(look())


def test_embeddings_are_judged_beside_the_features() -> None:
    generator = np.random.default_rng(0)
    own, same, other = (generator.normal(mean, 1, (200, 8)) for mean in (0.0, 0.0, 1.0))
    rows = draw(1, 500)
    by_name = {item.feature: item for item in judge(REFERENCE, rows, (same, own))}
    assert by_name["text.embedding"].verdict is Verdict.MET
    assert drift.drifted(list(by_name.values())).value == 0
    by_name = {item.feature: item for item in judge(REFERENCE, rows, (other, own))}
    assert by_name["text.embedding"].verdict is Verdict.NOT_MET
    found = by_name["text.embedding"].to_json()
    assert (found["rows"], found["psi"], found["ks"]) == (200, None, None)
    assert drift.BOUNDS["energy"].bound < found["low"] < found["energy"] < found["high"]
    assert by_name["text.length"].to_json()["energy"] is None
    assert drift.drifted(list(by_name.values())).value == 1
    few = {item.feature: item for item in judge(REFERENCE, rows, (other[: drift.FEWEST_VECTORS - 1], own))}
    assert few["text.embedding"].verdict is Verdict.INCONCLUSIVE
    assert drift.drifted(list(few.values())).value is None


def texts_of(words: Sequence[str], seed: int, rows: int) -> list[str]:
    generator = np.random.default_rng(seed)
    return [" ".join(generator.choice(words, size=6)) for _ in range(rows)]


KNOWN, STRANGE = ["win", "free", "prize", "now", "call"], ["dinner", "tonight", "station", "friend", "evening"]


def test_other_texts_are_seen_to_be_others_and_the_same_are_not(
    classifier: Model, tmp_path: Path, serve: Serve
) -> None:
    yard = Yard(tmp_path / "yard")
    lines = [f"{text},{label}" for text, label in zip(texts_of(KNOWN, 0, 300), ["ham", "spam"] * 150, strict=True)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]))
    step, out = lookup.step("load data"), tmp_path / "data"
    out.mkdir()
    chosen = step.check_options(
        {"columns": {"text": "text", "label": "label"}, "split": {"train": 0.5, "validation": 0, "test": 0.5}}
    )
    data = cast(Dataset, execute(step, [fetch(str(tmp_path / "texts.csv"))], chosen, out=out, scratch=out))
    (tmp_path / "report").mkdir()
    report = Report.write(tmp_path / "report", Findings({}), parents=[classifier, data])
    publish(yard, tmp_path / "release", classifier, data, report)
    hosted = open_version(yard, yard.resolve(f"{NAME}:1"), workers=1, memory_limit=None)

    def ask(client: httpx.Client, words: Sequence[str]) -> dict[str, Any]:
        for seed in range(1, 5):
            body = {"model": NAME, "input": texts_of(words, seed, 50)}
            assert client.post("/v1/embeddings", json=body).status_code == 200
            until(lambda rows=50 * seed: embedded(client) >= rows)  # type: ignore[misc]
        return {item["feature"]: item for item in client.get(f"/v2/models/{NAME}/drift").json()["features"]}

    def embedded(client: httpx.Client) -> int:
        found = client.get(f"/v2/models/{NAME}/drift").json()["features"]
        return next((int(item["rows"]) for item in found if item["feature"] == "text.embedding"), 0)

    with hosted.source:
        with serve(hosted, companion=Watching(yard, seconds=0.02).run) as client:
            until(lambda: client.get(f"/v2/models/{NAME}/drift").json()["watched"])
            found = ask(client, KNOWN)
        assert "not met" not in {item["verdict"] for item in found.values()}
        assert found["text.embedding"]["verdict"] == "met"
        with serve(hosted, companion=Watching(yard, seconds=0.02).run) as client:
            until(lambda: client.get(f"/v2/models/{NAME}/drift").json()["watched"])
            found = ask(client, STRANGE)
            line = f'modelyard_drift{{feature="text.embedding",method="energy",model="{NAME}",version="1"}}'
            until(lambda: line in client.get("/metrics").text)
        assert found["text.embedding"]["verdict"] == found["text.unseen"]["verdict"] == "not met"
        assert found["text.length"]["energy"] is None


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_an_image_is_its_size_brightness_and_contrast(form: str) -> None:
    pixels = np.zeros((128, 256, 3), dtype=np.uint8)
    pixels[:, 128:] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    (found,) = features.of_rows([{"image": file.getvalue()}], ["image"], None)
    assert (found["image.width"], found["image.height"]) == (256.0, 128.0)
    assert found["image.brightness"] == pytest.approx(0.5, abs=0.01)
    assert found["image.contrast"] == pytest.approx(0.5, abs=0.01)
    (broken,) = features.of_rows([{"image": b"no image"}], ["image"], None)
    assert broken == {}


def test_what_a_rule_answers_is_watched_as_it_comes_in(tmp_path: Path, serve: Serve) -> None:
    (tmp_path / "work").mkdir()
    maker = Maker(Yard(tmp_path / "yard"), tmp_path / "work")
    maker.good(0.1, "modelyard: 1\ntask: tabular-classification\nserve: {rules: [{when: 'age > 900', answer: y}]}\n")
    hosted = open_version(maker.yard, maker.yard.resolve(f"{NAME}:1"), workers=1, memory_limit=None)
    with hosted.source, serve(hosted, companion=Watching(maker.yard, seconds=0.02).run) as client:
        until(lambda: client.get(f"/v2/models/{NAME}/drift").json()["watched"])
        send(client, [1000.0] * 130 + [5.0] * 20)
        found = {item["feature"]: item for item in client.get(f"/v2/models/{NAME}/drift").json()["features"]}
    assert found["features.age"]["rows"] == 150
    assert found["features.age"]["verdict"] == "not met"
    assert found["answer.label"]["rows"] == 20


def test_only_a_sample_of_many_rows_is_looked_at() -> None:
    window, looked = Window(), list[int]()
    rows = [{"text": "x" * 50}] * 300
    assert not window.saw(rows, [{"label": "ham"}] * 300)
    window.look()
    assert window.rows() == []

    def look(rows: object) -> list[dict[str, Value]]:
        assert isinstance(rows, list)
        looked.append(len(rows))
        return [{"text.length": 50.0} for _ in rows]

    window.begin(REFERENCE, look)
    assert [window.saw(rows, [{"label": "ham"}] * 300) for _ in range(4)] == [True, True, False, False]
    # Whoever waits for an answer waits for none of it.
    assert looked == []
    window.look()
    window.look()
    assert len(looked) == 1
    assert drift.RATE.burst <= sum(looked) < drift.RATE.burst + 60
    assert window.rows()[0] == {"text.length": 50.0, "answer.label": "ham"}


@pytest.fixture
def watched(tmp_path: Path, serve: Serve) -> Iterator[httpx.Client]:
    (tmp_path / "work").mkdir()
    maker = Maker(Yard(tmp_path / "yard"), tmp_path / "work")
    maker.good(0.1)
    hosted = open_version(maker.yard, maker.yard.resolve(f"{NAME}:1"), workers=1, memory_limit=None)
    with hosted.source, serve(hosted, companion=Watching(maker.yard, seconds=0.02).run) as client:
        until(lambda: client.get(f"/v2/models/{NAME}/drift").json()["watched"])
        yield client


def send(client: httpx.Client, ages: list[float]) -> None:
    columns = {"age": ages, "size": [float(n * 7 % 10) for n in range(len(ages))]}
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [len(ages)], "data": values} for name, values in columns.items()
    ]
    assert client.post(f"/v2/models/{NAME}/infer", json={"inputs": inputs}).status_code == 200


def test_a_server_that_is_asked_other_things_says_so(watched: httpx.Client, capfd: pytest.CaptureFixture[str]) -> None:
    command = ["watch", NAME, "--url", str(watched.base_url)]
    assert main([*command, "--json"]) == 3
    assert json.loads(capfd.readouterr().out)["verdict"] == "inconclusive"
    send(watched, [1000.0] * 250)
    found = watched.get(f"/v2/models/{NAME}/versions/1/drift").json()
    assert (found["model"], found["version"], found["rows"], found["verdict"]) == (NAME, "1", 250, "not met")
    by_name = {item["feature"]: item for item in found["features"]}
    assert set(by_name) == {"features.age", "features.size", "answer.label", "answer.score"}
    assert by_name["features.age"]["verdict"] == "not met"
    assert by_name["features.age"]["ks"] == 1.0
    assert by_name["features.size"]["verdict"] != "not met"
    line = f'modelyard_drifted{{feature="features.age",model="{NAME}",version="1"}} 1.0'
    until(lambda: line in watched.get("/metrics").text)
    assert main(command) == 1
    shown = capfd.readouterr()
    assert "features.age" in shown.out
    logged = [json.loads(line) for line in shown.err.splitlines() if '"event.action":"drift"' in line]
    assert "features.age" in {line["modelyard"]["feature"] for line in logged}
    assert {line["labels.model"] for line in logged} == {NAME}


def test_who_cannot_be_asked(capsys: pytest.CaptureFixture[str], watched: httpx.Client) -> None:
    url = str(watched.base_url)
    assert main(["watch", "nothing", "--url", url]) == 2
    assert "404: no model 'nothing'" in capsys.readouterr().err
    assert main(["watch", f"{NAME}@production", "--url", url]) == 2
    for unsafe in ("http://example.org", "ftp://localhost", "http://127.0.0.1.example.org", "https://a:b@example.org"):
        with pytest.raises(InputError, match="is not asked"):
            check_url(unsafe)
    for safe in ("http://127.0.0.1:80", "http://localhost", "http://[::1]:8080", "https://example.org"):
        check_url(safe)
