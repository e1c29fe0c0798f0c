"""Promotions while requests come in: no request fails, none is answered by another version than it names, and a
version that is unfit never answers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.release import Release
from modelyard.core.report import Report
from modelyard.engines.local import execute
from modelyard.serve.following import Following, open_version
from modelyard.serve.hosting import Hosted
from modelyard.sources import fetch
from modelyard.yard.yard import Yard
from tests.serve.conftest import Serve

NAME = "plans"
ROWS = [{"age": age, "size": size} for age in (3.0, 17.0, 31.0) for size in (1.0, 8.0)]


class Maker:
    """Publishes releases of a small linear model; each regularization is another version."""

    def __init__(self, yard: Yard, folder: Path) -> None:
        self.yard, self.folder, self.answers = yard, folder, dict[str, list[float]]()
        lines = [f"{n},{n * 7 % 10},{'yn'[n * 7 % 10 > n // 4]}" for n in range(60)]
        (folder / "rows.csv").write_text("\n".join(["age,size,kind", *lines]))
        self.data = self._load("kind")

    def _load(self, label: str, **options: Any) -> Dataset:
        columns = {"label": label, "features": ["age", "size"]}
        return cast(Dataset, self.run("load data", [fetch(str(self.folder / "rows.csv"))], columns=columns, **options))

    def run(self, name: str, inputs: list[Any], **options: Any) -> Any:
        step, out = lookup.step(name), self.folder / f"made {len(list(self.folder.iterdir()))}"
        out.mkdir()
        return execute(step, inputs, step.check_options(options), out=out, scratch=out)

    def fit(self, data: Dataset, l2: float) -> tuple[Model, Report]:
        model = self.run("fit linear", [data], task="tabular-classification", l2=l2)
        return model, self.run("evaluate", [model, data])

    def publish(self, model: Model, data: Dataset, report: Report) -> str:
        """The number of the version."""
        for artifact in (data, model, report):
            self.yard.put(artifact)
        out = self.folder / f"release {len(list(self.folder.iterdir()))}"
        out.mkdir()
        release = Release.write(
            out,
            name=NAME,
            model=model,
            data=data,
            reports=[report],
            recipe="modelyard: 1\n",
            lock={},
            judgements=[],
            measures={},
        )
        version = self.yard.publish(self.yard.put(release))
        with Predictor(model, threads=1) as predictor:
            found = predictor.predict([{"features": row} for row in ROWS])
        self.answers[str(version.number)] = [item["score"] for item in found]
        return str(version.number)

    def good(self, l2: float) -> str:
        return self.publish(*self._with_data(self.data, l2))

    def _with_data(self, data: Dataset, l2: float) -> tuple[Model, Dataset, Report]:
        model, report = self.fit(data, l2)
        return model, data, report

    def damaged(self) -> str:
        """A byte of its weights was changed after it was published."""
        model, _, report = self._with_data(self.data, 0.37)
        number = self.publish(model, self.data, report)
        path = self.yard.get(model.digest).path / "model.onnx"
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"\xff")
        return number

    def of_other_classes(self) -> str:
        data = self._load("kind", labels={"y": "yes", "n": "no"})
        return self.publish(*self._with_data(data, 1.0))

    def unlike_its_proof(self) -> str:
        """Its report says what another model answered."""
        model, _ = self.fit(self.data, 1e6)
        _, report = self.fit(self.data, 1e-3)
        out = self.folder / "another report"
        out.mkdir()
        return self.publish(model, self.data, Report.write(out, report.findings, parents=[model, self.data]))


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    folder = tmp_path_factory.mktemp("swap")
    maker = Maker(Yard(folder / "yard"), _new(folder / "work"))
    for l2 in (0.1, 10.0, 1000.0):
        maker.good(l2)
    return maker


def _new(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextmanager
def followed(serve: Serve, maker: Maker) -> Iterator[httpx.Client]:
    """A server of version 1 that follows production."""
    maker.yard.promote(f"{NAME}:1", force=True)
    version = maker.yard.resolve(NAME)
    hosted: Hosted = open_version(maker.yard, version, workers=2, memory_limit=None)
    following = Following(maker.yard, [NAME], workers=2, seconds=0.02)
    with hosted.source, serve(hosted, companion=following.run) as client:
        yield client


def ask(client: httpx.Client) -> tuple[int, str, str, list[float]]:
    """Status, version in the body and in the header, and scores."""
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [len(ROWS)], "data": [row[name] for row in ROWS]}
        for name in ("age", "size")
    ]
    answer = client.post(f"/v2/models/{NAME}/infer", json={"inputs": inputs})
    if answer.status_code != 200:
        return answer.status_code, answer.text, "", []
    body = answer.json()
    scores = next(item["data"] for item in body["outputs"] if item["name"] == "score")
    return 200, body["model_version"], answer.headers["x-modelyard-version"], scores


class Load:
    """Callers that ask as fast as they can until the block ends."""

    def __init__(self, client: httpx.Client, callers: int = 3) -> None:
        self.answers: list[tuple[int, str, str, list[float]]] = []
        self._stop = threading.Event()
        self._address = client.base_url
        self._threads = [threading.Thread(target=self._ask) for _ in range(callers)]

    def _ask(self) -> None:
        with httpx.Client(base_url=self._address, timeout=30) as client:
            while not self._stop.is_set():
                self.answers.append(ask(client))

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()


def until(client: httpx.Client, reached: Callable[[str], bool]) -> set[str]:
    """Ask until the answer's version, or whatever else is looked at, is as wanted; the versions that answered."""
    seen = set()
    for _ in range(20_000):
        _, version, _, _ = ask(client)
        seen.add(version)
        if reached(version):
            return seen
    raise AssertionError("it was not reached")


def test_promotions_and_rollbacks_under_load(serve: Serve, maker: Maker) -> None:
    with followed(serve, maker) as client, Load(client) as load:
        for number in ("2", "3", "1"):
            maker.yard.promote(f"{NAME}:{number}", force=True)
            until(client, lambda version, number=number: version == number)  # type: ignore[misc]
        maker.yard.rollback(NAME)
        until(client, lambda version: version == "3")
    assert {status for status, _, _, _ in load.answers} == {200}
    assert {version for _, version, _, _ in load.answers} == {"1", "2", "3"}
    for _, version, header, scores in load.answers:
        assert header == f"{NAME}:{version}"
        assert scores == pytest.approx(maker.answers[version], abs=1e-6)


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (Maker.damaged, "digest"),
        (Maker.of_other_classes, "knows no class 'n'"),
        (Maker.unlike_its_proof, "of the split test"),
    ],
)
def test_an_unfit_version_never_answers(serve: Serve, maker: Maker, make: Callable[[Maker], str], problem: str) -> None:
    bad = make(maker)
    with followed(serve, maker) as client:
        maker.yard.promote(f"{NAME}:{bad}", force=True)
        answered = until(client, lambda _: maker.yard.history(NAME)[-1].action == "swap") | {ask(client)[1]}
        event = maker.yard.history(NAME)[-1]
        assert (event.details["to"], event.details["outcome"]) == (int(bad), "unfit")
        assert problem in event.details["problem"]
        assert answered == {"1"}
        assert client.get("/v2/health/ready").status_code == 200
        assert f'modelyard_swaps_total{{model="{NAME}",outcome="unfit"}} 1.0' in client.get("/metrics").text
        maker.yard.promote(f"{NAME}:2", force=True)
        until(client, lambda version: version == "2")


def test_a_number_stays_and_a_build_changes_nothing(serve: Serve, maker: Maker) -> None:
    assert not Following(maker.yard, [f"{NAME}:1"])._followed
    with followed(serve, maker) as client:
        maker.good(5.0)
        for _ in range(50):
            assert ask(client)[1] == "1"
