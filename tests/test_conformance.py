"""The conformance kit over every step, task and runtime that is installed."""

from __future__ import annotations

import ast
import csv
from pathlib import Path

import pytest

from modelyard.core import lookup
from modelyard.core.artifact import Artifact
from modelyard.core.dataset import Dataset
from modelyard.core.model import Model
from modelyard.core.source import Source
from modelyard.sources import fetch
from modelyard.testing import check_runtime, check_step, check_task
from modelyard.testing.steps import check_declaration
from modelyard.testing.tiny import LABELS, TEXTS, write_causal, write_encoder

ROWS = [{"text": text} for text in TEXTS]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Source]:
    folder = tmp_path_factory.mktemp("sources")
    with (folder / "texts.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(zip(TEXTS * 10, LABELS * 10, strict=True))
    write_encoder(folder / "encoder")
    write_causal(folder / "causal")
    return {name: fetch(f"./{name}", base=folder) for name in ("texts.csv", "encoder", "causal")}


@pytest.fixture(scope="module")
def made(sources: dict[str, Source]) -> dict[str, Artifact]:
    """One artifact of each kind, by the checked steps that make them."""
    columns = {"columns": {"text": "text", "label": "label"}}
    data = check_step("load data", [sources["texts.csv"], None, None], columns)
    classifier = check_step("load model", [sources["encoder"], data], {"task": "text-classification"})
    generator = check_step("load model", [sources["causal"], None], {"task": "text-generation"})
    return {
        "data": data,
        "classifier": classifier,
        "generator": generator,
        "int8 classifier": check_step("quantize dynamic", [classifier]),
        "int8 generator": check_step("quantize dynamic", [generator]),
        "report": check_step("evaluate", [classifier, data]),
    }


def model(made: dict[str, Artifact], name: str) -> Model:
    found = made[name]
    assert isinstance(found, Model)
    return found


@pytest.mark.parametrize("name", lookup.step_names())
def test_every_step_is_declared_whole(name: str) -> None:
    check_declaration(lookup.step(name))


@pytest.mark.parametrize(
    ("name", "inputs", "options"),
    [
        ("mask", ["data"], {}),
        ("balance oversample", ["data"], {}),
        ("balance weights", ["data"], {}),
        ("finetune full", ["classifier", "data"], {"epochs": 1}),
        ("finetune full", ["generator", "data"], {"epochs": 1}),
        ("evaluate", ["generator", "data"], {}),
        ("compare", ["report", "report"], {"task": "text-classification"}),
        ("scan", ["int8 classifier"], {}),
        ("scan", ["generator"], {}),
        ("generate", ["generator"], {"prompts": ["hello"], "max_tokens": 5}),
    ],
)
def test_every_step_keeps_the_contract(
    made: dict[str, Artifact], name: str, inputs: list[str], options: dict[str, object]
) -> None:
    check_step(name, [made[item] for item in inputs], options)


def test_benchmark_keeps_the_contract(made: dict[str, Artifact]) -> None:
    options = {"batch_sizes": [1], "lengths": [8], "seconds": 0.05, "rows": 10}
    check_step("benchmark", [made["int8 classifier"], made["data"]], options, repeatable=False)


@pytest.mark.parametrize(
    ("check", "names"),
    [
        ("check_step", lookup.step_names()),
        ("check_task", lookup.names("tasks")),
        ("check_runtime", lookup.names("runtimes")),
    ],
)
def test_nothing_is_left_unchecked(check: str, names: tuple[str, ...]) -> None:
    """Each name stands in a test file that calls the check of its kind: here, or beside the tests of its room."""
    named: set[str] = set()
    for file in Path(__file__).parent.rglob("test_*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        if any(isinstance(node, ast.Name) and node.id == check for node in nodes):
            named |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    assert set(names) <= named


@pytest.mark.parametrize("name", ["classifier", "int8 classifier"])
def test_text_classification_keeps_the_contract(made: dict[str, Artifact], name: str) -> None:
    # int8 scales activations over the whole batch: neighbours move an answer a little.
    check_task(model(made, name), ROWS, tolerance=1e-4 if name == "classifier" else 0.02)


@pytest.mark.parametrize("name", ["generator", "int8 generator"])
def test_text_generation_keeps_the_contract(made: dict[str, Artifact], name: str) -> None:
    check_task(model(made, name), ROWS[:3], {"temperature": 0.0, "max_tokens": 4})


@pytest.mark.parametrize("name", ["classifier", "generator", "int8 classifier", "int8 generator"])
def test_every_runtime_keeps_the_contract(made: dict[str, Artifact], name: str) -> None:
    check_runtime(model(made, name), tolerance=1e-4)


def test_the_kit_saw_both_runtimes(made: dict[str, Artifact]) -> None:
    models = [item for item in made.values() if isinstance(item, Model)]
    assert {item.runtime for item in models} == {"torch", "onnxruntime"}


def test_the_kit_finds_a_broken_step(made: dict[str, Artifact]) -> None:
    data = made["data"]
    assert isinstance(data, Dataset)
    with pytest.raises(AssertionError, match="two runs gave different digests"):
        check_step(
            "benchmark",
            [made["int8 classifier"], data],
            {"batch_sizes": [1], "lengths": [8], "seconds": 0.02, "rows": 5},
        )


def test_a_plug_in_is_found_by_its_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of the same layout, named by an entry point, adds its step under every name."""
    package = tmp_path / "third_party"
    for folder in (package, package / "steps", package / "steps" / "quantize"):
        folder.mkdir()
        (folder / "__init__.py").write_text("")
    (package / "steps" / "quantize" / "__init__.py").write_text("DEFAULT = 'nothing'\n")
    (package / "steps" / "quantize" / "nothing.py").write_text(
        '''
from pathlib import Path
from modelyard.core.model import Model
from modelyard.core.step import step

@step
def nothing(model: Model, *, out: Path) -> Model:
    """Give the model back.

    Args:
        model: any model.
    """
    (out / "same.txt").write_text(model.digest)
    return model.rewrite(out, parents=[model])
'''
    )
    information = tmp_path / "third_party-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: third-party\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[modelyard]\nanything = third_party\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    caches = [value for value in vars(lookup).values() if hasattr(value, "cache_clear")]
    for cache in caches:
        cache.cache_clear()
    try:
        assert "quantize nothing" in lookup.step_names()
        assert lookup.defaults()["quantize"] == "quantize dynamic"
        assert lookup.step("quantize nothing").summary == "Give the model back."
    finally:
        for cache in caches:
            cache.cache_clear()
