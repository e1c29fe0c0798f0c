"""Membership inference on a model that learned noise by heart, and prompts against a tiny language model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import ROW_ID, Dataset
from modelyard.core.errors import InputError
from modelyard.core.model import Model
from modelyard.core.report import Findings, Report
from modelyard.core.source import Source
from modelyard.engines.local import execute
from modelyard.sources import fetch
from modelyard.testing import check_step, tiny


def run(name: str, inputs: list[Artifact | Source | None], folder: Path, **options: Any) -> Artifact:
    step = lookup.step(name)
    for child in ("out", "scratch"):
        (folder / child).mkdir(parents=True)
    return execute(step, inputs, step.check_options(options), out=folder / "out", scratch=folder / "scratch")


def findings(made: Artifact) -> Findings:
    assert isinstance(made, Report)
    return made.findings


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Labels that the numbers say nothing of: whoever gets them right has learned the rows by heart."""
    random = np.random.default_rng(0)
    splits = {}
    for name in ("train", "test"):
        features = [
            {f"n{place}": value for place, value in enumerate(row)} for row in random.normal(size=(60, 8)).tolist()
        ]
        labels = random.choice(["no", "yes"], 60).tolist()
        splits[name] = pa.table({ROW_ID: pa.array(range(60), pa.int64()), "features": features, "label": labels})
    folder = tmp_path_factory.mktemp("noise")
    return Dataset.write(folder, splits, parents=[], labels=("no", "yes"))


def test_rows_learned_by_heart_are_told_and_rows_that_were_not_are_not(noise: Dataset, tmp_path: Path) -> None:
    (tmp_path / "start").mkdir()
    task = lookup.task("tabular-classification")
    start = task.adopt(fetch("new:mlp?hidden=64"), tmp_path / "start", data=noise, seed=0)
    model = run("finetune full", [start, noise], tmp_path / "model", epochs=60, batch_size=8, learning_rate=0.01)
    assert isinstance(model, Model)
    found = findings(check_step("attack membership", [model, noise, None])).measures
    # Of the rows never seen half are right, and as sure as those learned: no more than three quarters can be told.
    assert 0.7 < (found["membership_auc"].value or 0) < 0.85
    assert (found["membership_auc"].low or 0) > 0.6
    untrained = findings(run("attack membership", [start, noise, None], tmp_path / "untrained")).measures
    low, high = untrained["membership_auc"].low, untrained["membership_auc"].high
    assert low is not None
    assert high is not None
    assert low < 0.5 < high
    calibrated = findings(run("attack membership", [model, noise, start], tmp_path / "calibrated"))
    assert any("less the confidence of the reference" in note for note in calibrated.notes)
    same = findings(run("attack membership", [model, noise, model], tmp_path / "same"))
    assert same.measures == found
    with pytest.raises(InputError, match="no split 'shadow'"):
        run("attack membership", [model, noise, None], tmp_path / "missing", others="shadow")


def test_prompts_are_asked_and_judged(tmp_path: Path) -> None:
    source = Source("tiny", tiny.write_causal(tmp_path / "causal", context=512), "sha256:0", {})
    (tmp_path / "model").mkdir()
    model = lookup.task("text-generation").adopt(source, tmp_path / "model", data=None, seed=0)
    found = findings(check_step("attack prompts", [model], {"max_tokens": 4}))
    total = found.measures["prompt_resistance"]
    suites = [found.measures[f"prompt_resistance:{name}"] for name in ("injection", "leak", "jailbreak")]
    assert total.n == sum(suite.n or 0 for suite in suites)
    # A network of random weights obeys nobody, and refuses nothing.
    assert [suite.value for suite in suites] == [1.0, 1.0, 0.0]
    plain = findings(run("attack prompts", [model], tmp_path / "plain", chat=False, suites=["leak"], max_tokens=2))
    assert {row[0] for row in plain.tables[0].rows} == {"leak"}
    with pytest.raises(InputError, match="no suites"):
        run("attack prompts", [model], tmp_path / "none", suites=[])
