"""A release as the renderers are given it, made from real scores."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from modelyard.core.report import Figure, Measure, Series
from modelyard.core.requirement import Requirement, overall
from modelyard.methods.classification_scores import compare, judge
from modelyard.render.page import DataFacts, ModelFacts, Page, StepFact


@pytest.fixture(scope="session")
def make_page() -> Callable[..., Page]:
    """Pages whose every foreign text is ``word``, so that a test can make it hostile."""
    return _make_page


@pytest.fixture(scope="session")
def page() -> Page:
    return _make_page("spam")


def _make_page(word: str, base: str = "hf:owner/encoder@main") -> Page:
    random = np.random.default_rng(0)
    targets = (random.random(300) < 0.3).astype(np.int64)
    score = np.clip(0.15 + 0.7 * targets + random.normal(0, 0.2, 300), 0.01, 0.99)
    labels, rows = ["ham", word], np.arange(300)
    before = judge(labels, targets, np.stack([1 - score, score], axis=1), rows, confidence=0.95, seed=0)
    score = np.clip(score + random.normal(0, 0.01, 300), 0.01, 0.99)
    after = judge(labels, targets, np.stack([1 - score, score], axis=1), rows, confidence=0.95, seed=0)
    compared = compare(after, before, confidence=0.95, seed=0)
    costs = {"size_mb": 22.8, "latency_p95_ms": 4.2, "throughput": 800.0}
    costs_before = {"size_mb": 91.2, "latency_p95_ms": 13.0, "throughput": 200.0}
    measures = {**after.measures, **{name: Measure(value, n=20) for name, value in costs.items()}}
    needed = [
        Requirement.parse("accuracy", ">= 0.8"),
        Requirement.parse(f"f1:{word}", {"at_least": 0.93, "confidence": 0.95}),
        Requirement.parse("size_mb", "<= 20"),
        Requirement.parse("log_loss", {"max_rise": 0.1, "confidence": 0.95}),
    ]
    judgements = [requirement.judge({**measures, **compared.measures}) for requirement in needed]
    return Page(
        name=word,
        version="3",
        verdict=overall(judgements).value,
        requirements=[judgement.to_json() for judgement in judgements],
        measures=measures,
        before={**before.measures, **{name: Measure(value, n=20) for name, value in costs_before.items()}},
        model=ModelFacts("text-classification", base, "onnxruntime", labels, 22_800_000, "sha256:" + "ab" * 32, "mit"),
        data=DataFacts(
            f"pypi:{word}",
            {"train": 700, "test": 300},
            {"warnings": [f"class {word} is rare"], "splits": {"test": {"classes": {"ham": 210, word: 90}}}},
        ),
        steps=[
            StepFact("1 finetune full", {"epochs": 2, "schedule": word}, 93.2, False, "sha256:" + "1f" * 32),
            StepFact("2 quantize dynamic", {}, 6.0, True, "sha256:" + "2f" * 32),
        ],
        findings=[(f"Evaluation {word}", after), ("Comparison", compared)],
        training=[Figure("Loss", "line", "step", "loss", [Series(word, [0, 10], [1.0, 0.5])])],
        created="2026-11-23T22:50:00Z",
        environment={"Processor": word},
        lineage={word: "sha256:" + "cd" * 32},
    )
