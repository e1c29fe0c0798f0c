"""Releases of a small linear model in a yard, good ones and bad ones, and callers that ask a server of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import httpx

from modelyard.core import lookup
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.predictor import Predictor
from modelyard.core.release import Release
from modelyard.core.report import Report
from modelyard.engines.local import execute
from modelyard.sources import fetch
from modelyard.yard.yard import Yard

NAME = "plans"
ROWS = [{"age": age, "size": size} for age in (3.0, 17.5, 31.0) for size in (1.0, 8.0)]


RECIPE = """
modelyard: 1
require:
  latency_p95_ms: "<= 5000"
"""


def publish(yard: Yard, out: Path, model: Model, data: Dataset, report: Report, recipe: str = RECIPE) -> str:
    """A release out of these, with its number."""
    for artifact in (data, model, report):
        yard.put(artifact)
    out.mkdir()
    release = Release.write(
        out,
        name=NAME,
        model=model,
        data=data,
        reports=[report],
        recipe=recipe,
        lock={},
        judgements=[],
        measures={},
    )
    return str(yard.publish(yard.put(release)).number)


class Maker:
    """Publishes releases of a small linear model; each regularization is another version."""

    def __init__(self, yard: Yard, folder: Path) -> None:
        self.yard, self.folder, self.answers = yard, folder, dict[str, list[float]]()
        lines = [f"{n},{n * 7 % 10},{'yn'[n * 7 % 10 > n // 4]},{'yn'[n > 50]}" for n in range(60)]
        (folder / "rows.csv").write_text("\n".join(["age,size,kind,rare", *lines]))
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

    def publish(self, model: Model, data: Dataset, report: Report, recipe: str = RECIPE) -> str:
        """The number of the version."""
        out = self.folder / f"release {len(list(self.folder.iterdir()))}"
        number = publish(self.yard, out, model, data, report, recipe)
        with Predictor(model, threads=1) as predictor:
            found = predictor.predict([{"features": row} for row in ROWS])
        self.answers[number] = [item["score"] for item in found]
        return number

    def good(self, l2: float, recipe: str = RECIPE) -> str:
        return self.publish(*self._with_data(self.data, l2), recipe)

    def contrary(self) -> str:
        """It was taught the opposite, and is proven to have learned it."""
        return self.publish(*self._with_data(self._load("kind", labels={"y": "n", "n": "y"}), 0.1))

    def lopsided(self) -> str:
        """It says nearly always the same."""
        return self.publish(*self._with_data(self._load("rare"), 0.1))

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


def ask(client: httpx.Client, headers: dict[str, str] | None = None) -> tuple[int, str, str, list[float]]:
    """Status, version in the body and in the header, and scores."""
    inputs = [
        {"name": name, "datatype": "FP64", "shape": [len(ROWS)], "data": [row[name] for row in ROWS]}
        for name in ("age", "size")
    ]
    answer = client.post(f"/v2/models/{NAME}/infer", json={"inputs": inputs}, headers=headers)
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
