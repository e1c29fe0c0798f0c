"""References that fetch nothing: networks to be made anew, and the tables of scikit-learn."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest
from sklearn import datasets

from modelyard.core.errors import InputError, IntegrityError
from modelyard.formats import blueprint
from modelyard.sources import fetch


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELYARD_CACHE", str(tmp_path / "cache"))


@dataclass(frozen=True)
class Options:
    hidden: list[int]
    dropout: float = 0.0


def test_a_new_network_is_a_blueprint_and_no_more() -> None:
    source = fetch("new:mlp?hidden=64,32&dropout=0.1")
    assert [file.name for file in source.path.iterdir()] == [blueprint.FILE]
    found = blueprint.expect(source, "mlp", "cnn")
    assert found.architecture == "mlp"
    assert found.read_options(Options) == Options([64, 32], 0.1)
    assert blueprint.expect(fetch("new:mlp?hidden=8"), "mlp").read_options(Options) == Options([8])
    assert fetch("new:mlp?dropout=0.1&hidden=64,32").digest == source.digest
    assert fetch("new:mlp").digest != source.digest


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("new:", "not the name of an architecture: ''"),
        ("new:../x", "not the name of an architecture"),
        ("new:mlp?hidden", "cannot read the option 'hidden'"),
        ("new:mlp?a=1&a=2", "cannot read the option 'a=2'"),
        ("sklearn:irises", "did you mean 'iris'"),
        ("sklearn:../iris", "no table '../iris'"),
    ],
)
def test_references_that_cannot_be_read(reference: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        fetch(reference)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("new:mlpp", "did you mean 'mlp'"),
        ("new:mlp?hiden=4", "unknown key 'hiden'"),
        ("new:mlp?hidden=many", "hidden"),
    ],
)
def test_blueprints_of_something_else(reference: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        blueprint.expect(fetch(reference), "mlp").read_options(Options)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "wine"])
def test_a_table_of_scikit_learn_is_whole(name: str) -> None:
    source = fetch(f"sklearn:{name}")
    found = getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))
    with source.path.open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [*found.feature_names, "target"]
    assert [[float(cell) for cell in row[:-1]] for row in rows] == found.data.tolist()
    assert len({row[-1] for row in rows}) == len(set(found.target.tolist()))
    assert fetch(f"sklearn:{name}", pins=source.pins) == source
    with pytest.raises(IntegrityError, match="digest_mismatch"):
        fetch(f"sklearn:{name}", pins={"file": "sha256:0"})
